"""Measures readings of labelled questions, for building and evaluating: SQuAD files, official scores, reliability."""
