"""`python -m docs.generate` writes `docs/reference/` from the code, with `openapi.json`; a test compares it."""
