"""What `firstcause evaluate` prints of several systems, of noise and of reliability."""
