"""The models of DeepFace as data."""
