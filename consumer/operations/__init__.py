"""What an operator does beside running the consumer: topics, sizes, checks, models fetched and measured, samples."""
