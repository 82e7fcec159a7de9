"""Fits the confidence of answers out of a collection: its files, what is read of it, the artifact that is written."""
