"""The pages: one file for each, and who may see them."""
