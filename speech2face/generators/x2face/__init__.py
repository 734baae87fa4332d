"""X2Face with imported weights: a face is laid flat once, a code of the motion bends it.

`network` holds both U-nets, `extractor` reads codes, `exact` draws the same frames faster.
"""
