"""Which models there are, on which terms, and their weights."""
