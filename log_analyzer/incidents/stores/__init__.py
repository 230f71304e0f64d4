"""Episodes, incidents and the board in Cassandra."""
