"""Many incidents told as one message."""
