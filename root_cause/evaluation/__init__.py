"""Measures how good a ranking is: cases, references, intervals, reliability, noise, paths. Pure."""
