"""A broker in memory for tests; it passes the same contract suite as Kafka."""
