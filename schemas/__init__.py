"""The wire contract: events version 1, and the codec between bytes and events."""
