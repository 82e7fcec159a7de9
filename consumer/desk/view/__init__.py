"""What the pages show, in memory and bounded: rows of the last records, and the places of whole ones."""
