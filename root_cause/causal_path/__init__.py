"""Finds the chain of services from the culprit to the symptom. Pure."""
