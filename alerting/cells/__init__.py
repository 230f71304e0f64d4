"""Running sums of a minute, from which the rows of window metrics are added up."""
