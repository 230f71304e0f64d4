"""Incidents of recorded events, made by the analyzer's own parts without any service."""
