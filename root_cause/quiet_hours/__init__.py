"""Decides which hours were quiet, and whether they may be learned."""
