"""Dead letters: their headers, their repairs, and their replay."""
