"""The log event and the span: their fields, and how bytes of a topic are read as one."""
