"""The embedded engine: tantivy, one index a folder, one folder an hour of event time."""
