"""The stages: typed values in, typed values out; and the files that they exchange."""
