"""How well a ranking does: cases, references, intervals, reliability, noise, paths. Pure."""
