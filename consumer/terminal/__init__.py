"""Draws texts, answers and progress for people; nothing here knows Kafka or the model."""
