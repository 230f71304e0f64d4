"""Reads the files of alert rules and objectives, and stores alerts."""
