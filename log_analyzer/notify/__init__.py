"""Telling people: what is due, to which channel, each message once."""
