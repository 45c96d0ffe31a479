"""A folder of photos, its index, and who is in it."""
