"""Names the culprit of an incident from logs and spans, without a model and without labels."""
