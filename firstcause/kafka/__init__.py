"""Kafka: creates the topics, and reads a topic up to its current end."""
