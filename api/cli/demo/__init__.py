"""The command `face-service demo`, with its two sample photos.

Both are in the public domain, works of the government of the United States: `astronaut.jpg` is NASA's portrait of
Eileen Collins, `hopper.jpg` the Navy's of Grace Hopper. They come from the packages scikit-image and matplotlib.
"""
