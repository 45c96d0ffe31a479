"""Finds faces in a folder of photos, with the help of an index."""
