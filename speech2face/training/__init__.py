"""Recipes and loops that make the shipped weights."""
