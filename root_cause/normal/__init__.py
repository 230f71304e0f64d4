"""What is normal: counts of a quiet time, how they are learned, stored as bytes and composed."""
