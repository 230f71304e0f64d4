"""The local stand-in for Slack."""
