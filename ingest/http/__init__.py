"""The HTTP doors: OTLP/HTTP and JSON Lines, acknowledged when Kafka has them."""
