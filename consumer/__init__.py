"""The imperative shell: everything that waits, fails or retries (Kafka, Redis, the service loop, the command line)."""
