"""Announces changes of an incident in its thread, and important ones in the channel."""
