"""Importing persons from folders, CSV files and the databases of other systems."""
