"""From pieces of evidence to a ranked list of suspects."""
