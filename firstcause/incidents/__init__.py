"""Incidents as all parts know them: the data of one whole, and what people do with it."""
