"""Motion, the language between drivers and generators, and what computes it.

`points` moves a view's control points, `solve` turns landmarks and controls into motion, `follow`
tracked meshes.
"""
