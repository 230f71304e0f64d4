"""Where events go: a Kafka topic or a JSON Lines file."""
