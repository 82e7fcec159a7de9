"""Windows to logits: batches, sessions, backends, and the CPUs they may use."""
