"""Reads Kafka: consumes messages, batches errors, commits offsets after they are stored."""
