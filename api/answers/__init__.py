"""The typed answers of the API."""
