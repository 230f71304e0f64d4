"""Kafka: the topics, and what one holds now."""
