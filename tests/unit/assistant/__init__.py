"""Answers to AI assistants, by the official client."""
