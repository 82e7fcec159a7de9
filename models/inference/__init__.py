"""Runs windows through the model: batches, sessions, backends, and the CPUs they may use."""
