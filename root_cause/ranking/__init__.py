"""Ranks suspects from pieces of evidence."""
