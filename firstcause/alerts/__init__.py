"""The files of alert rules and their tests, and what is stored of alerts."""
