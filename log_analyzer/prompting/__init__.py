"""Prompts: read from the templates that people edit, checked, filled in."""
