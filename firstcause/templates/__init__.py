"""Log templates that all processes share, through Cassandra."""
