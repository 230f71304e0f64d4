"""The context of an incident: logs and traces around it, gathered from Cassandra."""
