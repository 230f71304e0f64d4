"""A simulated shop that leaves log events, replay of log files, and the way into Kafka."""
