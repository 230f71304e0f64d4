"""What messages and replies say, as plain data for any channel."""
