"""What is different from normal, how much it says, and about whom."""
