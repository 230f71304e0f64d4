"""What an evaluation measures a ranking with."""
