"""Renders evidence, rankings and normal as text for people."""
