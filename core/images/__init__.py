"""How URLs, base64 strings, paths and uploads become images."""
