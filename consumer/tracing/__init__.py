"""Follows records through the program as spans of OpenTelemetry; where that is off, nothing of it is imported."""
