"""The warp generator: a photograph on a 3-D face mesh, moved by a rig."""
