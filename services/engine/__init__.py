"""How faces are found and embedded: the interface, the catalogue of models, their weights, and DeepFace."""
