"""One request about the faces of its images; nothing is kept."""
