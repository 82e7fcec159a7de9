"""Builds a model artifact from a fine-tuned checkpoint; needs the build group's tools (requirements/build.txt).

    checkpoint -> graph/     export, fuse, rewrite, tame outliers, quantize
               -> variants/  make each, time it, select the fastest accurate one
               -> confidence (spanstream.models.calibrating), golden logits, card -> artifact

Nothing that serves imports this package.
"""
