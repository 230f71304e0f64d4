"""Benchmarks of how often an answer is right, over generated faults with a known cause."""
