"""FOMM, the First Order Motion Model, with imported weights.

`network` is built from `keypoints` and `dense_motion`; `extractor` reads keypoints and their
Jacobians; `exact` draws the same frames faster.
"""
