"""Dubbing: a video and another sound become that video saying that sound."""
