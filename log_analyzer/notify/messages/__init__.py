"""The content of messages and replies, as plain data for any channel."""
