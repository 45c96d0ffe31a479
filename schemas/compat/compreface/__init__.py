"""Bodies of CompreFace's API."""
