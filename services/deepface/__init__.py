"""Finds and embeds faces. The only package that imports DeepFace."""
