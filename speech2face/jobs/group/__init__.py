"""Several people in one picture: each says its own sound, and the others listen."""
