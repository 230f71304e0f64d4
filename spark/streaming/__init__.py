"""Runs one streaming query, and guards the checkpoint that it owns."""
