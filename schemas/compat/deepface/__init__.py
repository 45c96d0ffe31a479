"""Bodies of DeepFace's own API, `deepface.api` of DeepFace 0.0.103."""
