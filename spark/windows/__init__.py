"""Window metrics: what is measured of log events, added up and written."""
