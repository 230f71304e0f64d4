"""Decides which episodes are one incident: their ties, and the placement of each. Pure."""
