"""Notifies people about incidents: content, announcements, digests, and delivery."""
