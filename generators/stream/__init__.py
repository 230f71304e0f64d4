"""The seeded stream of log events and spans: requests walk the call graph."""
