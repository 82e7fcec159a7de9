"""Fine-tuned checkpoints in Hugging Face layout, as training and building open them."""
