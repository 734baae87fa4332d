"""Generators: one interface, one registry; each turns its own latents into frames."""
