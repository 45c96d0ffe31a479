"""The models, their licences and their weights."""
