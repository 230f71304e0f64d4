"""What stands before every request: who asks, how much, how long, and how a refusal is told."""
