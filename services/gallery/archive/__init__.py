"""Exporting a gallery to a file, and importing it into another gallery."""
