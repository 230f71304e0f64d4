"""Alerts: the files of rules and objectives, and what is stored of alerts."""
