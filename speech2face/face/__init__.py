"""Find a face, follow it, cut it out, and put it back."""
