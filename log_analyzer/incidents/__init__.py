"""Which episodes are one incident, and how incidents open, merge, resolve and reopen."""
