"""Recipes and loops that make the shipped weights; a folder for each system, `loop` for all."""
