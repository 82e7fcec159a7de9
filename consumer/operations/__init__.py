"""What one does beside running the consumer: topics, sizes, checks, models fetched and measured, files asked."""
