"""What both building and evaluating measure: SQuAD files, readings of their questions, official scores, reliability."""
