"""Imports indexes made by DeepFace's own `find`, so that photos need not be embedded again."""
