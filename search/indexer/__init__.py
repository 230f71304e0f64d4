"""The indexer: reads the topic `logs`, makes every log findable, then commits its offsets."""
