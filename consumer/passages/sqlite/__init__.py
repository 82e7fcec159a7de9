"""The embedded engine: SQLite with FTS5 (BM25) and sqlite-vec (cosine), a file for each generation."""
