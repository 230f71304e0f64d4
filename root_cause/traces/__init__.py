"""Orders and times the events and spans of one trace, and corrects clocks."""
