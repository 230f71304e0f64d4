"""Reads logs, traces and incidents for the API, a page at a time."""
