"""Request and response bodies of the doors, one module for each."""
