"""Faster modules that draw the same pictures: folded norms, cached and phase convolutions."""
