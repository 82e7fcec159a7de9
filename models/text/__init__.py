"""Texts: tokenized, cut into windows, and looked up in; words and surfaces that answers are checked against."""
