"""Opens fine-tuned checkpoints in Hugging Face layout, for training and building."""
