"""The commands `firstcause analyzer`, `incidents` and `prompts`, and what they print."""
