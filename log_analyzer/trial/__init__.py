"""Builds incidents from recorded events with the analyzer's own parts, without services."""
