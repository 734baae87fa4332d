"""Build scripts of the shipped assets, and the data engine."""
