"""Videos as sources: which frames are played, where the shots are, and where a face is in each."""
