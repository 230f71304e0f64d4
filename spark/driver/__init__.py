"""A driver's process, its heartbeat, and how often it may be restarted."""
