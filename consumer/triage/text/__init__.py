"""A ticket's message as the text that questions are asked about."""
