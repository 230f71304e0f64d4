"""Mistral: one question an incident, its budget, its cache, its circuit breaker."""
