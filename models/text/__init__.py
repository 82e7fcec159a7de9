"""Tokenizes texts, cuts them into windows and picks among these; spells words and tokens to check answers."""
