"""How faces are found and embedded: the only room that imports DeepFace."""
