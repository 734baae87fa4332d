"""Reenactment: a portrait moves as a person in a video does."""
