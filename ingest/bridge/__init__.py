"""The bridge: a consumer group that turns records of other formats into log events."""
