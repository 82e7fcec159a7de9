"""Caches the documents' tokenizations in two tiers: in this process, and in Redis in front of it where there is one."""
