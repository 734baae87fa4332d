"""Convolutions that compute the same numbers in less time, for inference only."""
