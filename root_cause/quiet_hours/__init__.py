"""Which hours were quiet, and whether they may be learned."""
