"""Makes, measures and selects the variants of a model."""
