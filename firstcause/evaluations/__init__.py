"""The history of evaluations, in Cassandra."""
