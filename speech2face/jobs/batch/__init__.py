"""Many videos by one engine: rows of a table, none of which is harmed by another."""
