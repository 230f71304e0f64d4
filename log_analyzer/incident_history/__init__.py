"""Incidents read whole from Cassandra, the same for all doors."""
