"""Backs up the gallery in SQLite with the state of DATA_PATH, and restores it while the service runs."""
