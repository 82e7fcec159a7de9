"""What is known of each ticket: its state, the index of the state topic, and the transaction that changes it."""
