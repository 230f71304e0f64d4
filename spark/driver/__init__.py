"""A driver's process, its heartbeat, and the limit of its restarts."""
