"""Tells alerts to webhooks and PagerDuty, from the topic of alerts."""
