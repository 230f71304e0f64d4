"""Learns what is normal from stored logs and spans."""
