"""The commands `search`, `search-indexer` and `patterns`."""
