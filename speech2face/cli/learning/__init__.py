"""Commands that make material and weights."""
