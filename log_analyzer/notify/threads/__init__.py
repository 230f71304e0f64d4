"""Replies in the thread of an incident, each sent once."""
