"""Episodes: the errors of one group from a beginning to a quiet end, each counted once."""
