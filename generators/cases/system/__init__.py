"""The simulated system of a labelled case."""
