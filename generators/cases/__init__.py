"""Labelled fault cases: seeded systems, what befalls them, and what they log and trace of it."""
