"""Simulated log events and spans, replay of files, and labelled fault cases."""
