"""Finished videos measured by an independent judge."""
