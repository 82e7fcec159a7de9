"""Builds an encoder's artifact: export, int8, figures beside fp32's, card."""
