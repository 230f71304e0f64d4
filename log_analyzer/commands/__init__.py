"""The commands `firstcause analyzer`, `incidents` and `prompts`, and their output."""
