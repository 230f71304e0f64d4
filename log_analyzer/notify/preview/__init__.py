"""The preview: a local replacement of Slack."""
