"""The template miner: patterns of log messages, learned from the messages. No I/O."""
