"""What is measured of log events in a minute, and how minutes add up to windows."""
