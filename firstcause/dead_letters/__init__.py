"""Dead letters: their headers, what can be mended in one, and sending them back."""
