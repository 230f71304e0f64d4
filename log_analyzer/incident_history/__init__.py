"""Reads whole incidents from Cassandra, the same for all interfaces."""
