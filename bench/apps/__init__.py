"""Spark applications that the benchmarks compare with."""
