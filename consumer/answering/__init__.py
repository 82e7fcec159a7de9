"""A question's way: from its topic, prepared, through the model, to an answer, a retry or a dead letter."""
