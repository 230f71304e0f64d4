"""One reader a format: each peels a shipper's envelope, or reads what a logger wrote."""
