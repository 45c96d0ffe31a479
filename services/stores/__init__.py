"""Where embeddings are kept: the interface and its backends."""
