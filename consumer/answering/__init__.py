"""Answers questions: reads them, prepares them, runs the model, and publishes an answer, a retry or a dead letter."""
