"""Lips that nobody filmed: coarticulation over spoken text and voices with known phones."""
