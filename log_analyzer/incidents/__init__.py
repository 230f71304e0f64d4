"""Decides which episodes are one incident, and opens, merges, resolves and reopens incidents."""
