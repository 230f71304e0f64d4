"""Slack: layout of messages, the Web API, its limits, clicks on buttons."""
