"""Indexes that DeepFace's own `find` has left, taken over without embedding again."""
