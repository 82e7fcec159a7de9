"""Turns logits into one span with a confidence, validated before anybody sees it."""
