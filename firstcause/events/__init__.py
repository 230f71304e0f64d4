"""The log event and the span: their fields, and how bytes from a topic are parsed."""
