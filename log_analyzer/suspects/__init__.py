"""Who is suspected: by traces, and by comparison with normal."""
