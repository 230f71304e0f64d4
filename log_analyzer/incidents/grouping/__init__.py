"""Decides which episodes are one incident: what ties them, and where each is placed. Pure."""
