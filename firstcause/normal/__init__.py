"""Stores what is learned as normal in Cassandra, and the times that must not be learned."""
