"""Rendered heads: people drawn from the head model, posed, rasterised and shaded."""
