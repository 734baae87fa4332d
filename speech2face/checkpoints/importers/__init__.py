"""Importers: public checkpoints, read without running anything in them, become weights of ours."""
