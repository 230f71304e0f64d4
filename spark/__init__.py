"""The streaming jobs, one file each, and what they share."""
