"""What all generators with imported weights share: reading files, driving, calibration's network.

A `family` is one system with public weights; `importer` tells which one a file holds; `extractor`
is what a checkpoint sees in pictures; `drive` turns motion into what it would see.
"""
