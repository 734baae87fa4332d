"""Metrics of finished videos and of single stages, each printed with its sanity rows."""
