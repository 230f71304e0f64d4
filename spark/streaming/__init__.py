"""One streaming query, and the checkpoint that it owns."""
