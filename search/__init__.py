"""Full-text and field search over all logs: the query language, the engine, the indexer."""
