"""`speech2face evaluate`: measurements with their sanity rows, each loaded when it is asked for."""
