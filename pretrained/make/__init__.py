"""Scripts that built the shipped rig and mouth and the example portrait, once."""
