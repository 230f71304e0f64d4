"""Kafka records as log events and spans, by Spark expressions."""
