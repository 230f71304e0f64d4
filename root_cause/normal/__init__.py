"""Learns, serialises and composes normal: counts of fault-free time."""
