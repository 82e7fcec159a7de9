"""Playbooks: loaded and checked, their formats, patterns and rules."""
