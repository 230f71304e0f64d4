"""Digests: one message about many incidents."""
