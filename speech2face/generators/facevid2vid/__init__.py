"""The face-vid2vid family with imported weights: Zhang's, SadTalker's, and their kin.

`network` is built from `keypoints`, `head_pose`, `dense_motion` and `spade`; `drive` turns motion
into its keypoints by `drive_network`, which calibration fits; `importer` reads published files;
`exact` computes the same frames faster.
"""
