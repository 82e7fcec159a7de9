"""Decides what is done with each dead letter: sent again where, with which headers, parked, or refused."""
