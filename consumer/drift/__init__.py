"""Watches whether what is read is like what the model was calibrated on."""
