"""Late documents: questions that were declined are asked again when a document comes that may answer them."""
