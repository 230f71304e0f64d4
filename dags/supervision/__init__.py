"""Supervision of streaming drivers: an operator that defers to a trigger."""
