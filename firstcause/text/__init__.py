"""Text that people type, or read in a terminal or a message."""
