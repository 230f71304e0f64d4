"""The consumer-group service: errors become incidents, incidents reach Slack."""
