"""Sound, pictures and video: files in and out."""
