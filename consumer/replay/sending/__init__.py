"""Sends selected dead letters again, once each, and writes down what was done."""
