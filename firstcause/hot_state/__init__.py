"""Hot state: copies of the newest window metrics in Redis, for those who ask each second."""
