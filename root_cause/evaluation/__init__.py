"""What an evaluation measures a ranking with: references, intervals, reliability, noise. Pure."""
