"""Answers AI assistants by the Model Context Protocol: read-only, redacted, within bounds."""
