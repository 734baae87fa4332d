"""Fit our motion to the keypoints of an imported checkpoint, without a data set."""
