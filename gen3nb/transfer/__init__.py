"""Files between a folder and the object stores of a commons: planned, in parallel, verified, resumable."""
