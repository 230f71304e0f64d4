"""Runs a simulated system: walks, visits, and the records that they leave."""
