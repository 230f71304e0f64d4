"""Access: the API keys that people and machines show at the HTTP doors."""
