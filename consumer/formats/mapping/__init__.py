"""Mappings: YAML files that say with JMESPath how another program's JSON becomes our events."""
