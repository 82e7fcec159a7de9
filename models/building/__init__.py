"""Builds a model artifact from a fine-tuned checkpoint; needs the build group's tools (requirements/build.txt).

    checkpoint -> export -> rewrite -> outliers -> quantize -> evaluate -> fit -> golden -> card -> artifact

Nothing that serves imports this package.
"""
