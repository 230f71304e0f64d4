"""The deterministic report on an incident, made without a model."""
