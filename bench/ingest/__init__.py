"""Benchmarks of the ingest bridge: its throughput, and its account after kills."""
