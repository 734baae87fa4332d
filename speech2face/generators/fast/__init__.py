"""facevid2vid:fast, our own network: named keypoints move the photograph, and it is refined."""
