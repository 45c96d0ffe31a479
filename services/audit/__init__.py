"""Events, the chain that seals them, and reports about both."""
