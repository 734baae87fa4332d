"""Generators side by side on held-out faces: pictures, landmarks, identity, speed of steps."""
