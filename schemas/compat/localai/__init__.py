"""Bodies of LocalAI's face API."""
