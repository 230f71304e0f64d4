"""Finds the suspects of an incident: by traces, and by comparison with normal."""
