"""The store jobs: their start, their batches, their dead letters."""
