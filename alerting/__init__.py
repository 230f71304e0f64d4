"""Library: what is watched in a stream, and what is said of it. No I/O, no settings, no clock."""
