"""Finds differences from normal, with their weight and the services they point to."""
