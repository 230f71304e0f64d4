"""Renders prompts from templates that people edit, and checks the templates."""
