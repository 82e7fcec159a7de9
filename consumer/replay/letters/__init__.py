"""Dead letters as they are read: their formats, the ledger beside them, and what is selected."""
