"""Video in and out: `video` reads, `encode` writes, `mux` joins picture and sound."""
