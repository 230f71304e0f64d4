"""Commands about rules and alerts."""
