"""The variants of a model that a build makes, measures and chooses from."""
