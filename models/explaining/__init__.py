"""What an answer is made of: tokens, windows, scores, confidence and validation of one question about one text."""
