"""Rules: what is looked for in window metrics, and the alerts that come of it."""
