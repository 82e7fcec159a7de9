"""Other programs' records: turns what stands on a topic into the events that the codec knows."""
