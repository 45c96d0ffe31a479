"""Whether the service is ready, and whether it still answers what it did."""
