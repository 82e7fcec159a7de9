"""Logits to one span with a confidence, checked before anybody sees it."""
