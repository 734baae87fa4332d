"""DaGAN, which sees depth, with imported weights.

A first-order motion model (`fomm`) whose keypoints are found in colour and depth, and whose warped
features attend to the source's depth. `depth` finds it, `network` draws.
"""
