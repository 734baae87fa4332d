"""facevid2vid:fast: pairs, losses and the task."""
