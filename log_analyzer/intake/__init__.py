"""From Kafka into the process: read, counted, committed after the fact."""
