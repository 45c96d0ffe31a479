"""The wire types: what a request may say and what an answer holds, one module per group of endpoints."""
