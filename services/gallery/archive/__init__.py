"""A gallery as a file, for another gallery to take over."""
