"""Objects followed through time: linked from frame to frame, with divisions."""
