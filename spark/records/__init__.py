"""Parses Kafka records as log events and spans, with Spark expressions."""
