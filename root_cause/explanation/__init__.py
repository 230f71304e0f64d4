"""Evidence, rankings and normal as text for people."""
