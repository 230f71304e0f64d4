"""News of an incident: what its thread is told, and what the whole channel."""
