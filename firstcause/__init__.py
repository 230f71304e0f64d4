"""What all parts of Firstcause agree on: settings, the log event, topics, Cassandra access."""
