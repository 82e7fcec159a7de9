"""Playbooks: how they are loaded and checked, the patterns in them, and the bundled one."""
