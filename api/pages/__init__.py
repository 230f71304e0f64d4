"""The pages: incidents, logs, traces, and the way in."""
