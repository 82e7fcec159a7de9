"""The engine of several machines: OpenSearch, with BM25 and k-NN, an index of its own for each generation."""
