"""Fits a confidence and its named thresholds to labelled questions."""
