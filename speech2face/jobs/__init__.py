"""Whole jobs with their settings: all that the command line can do, Python can do."""
