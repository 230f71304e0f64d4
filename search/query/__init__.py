"""The query language: text that people type becomes a typed tree. Pure."""
