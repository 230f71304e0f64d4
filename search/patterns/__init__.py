"""Patterns: how often each log template was met, by service and minute."""
