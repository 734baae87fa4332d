"""Weights and other shipped data: the manifest, checksums, safetensors with their configuration."""
