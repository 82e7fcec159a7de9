"""Everything that waits, fails or retries: Kafka, Redis, the loops, the command line."""
