"""The passages of collections: what searches them (an engine of others behind a protocol), and how ranks are fused."""
