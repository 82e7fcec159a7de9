"""Tells whether what is read today is like what the confidence was calibrated on.

questions as they were read -> FigureTable -> histograms x reference.json -> one distance a figure
"""
