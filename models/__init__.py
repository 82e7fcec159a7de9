"""The question-answering model, a functional core: text in, verbatim answers with a calibrated confidence out."""
