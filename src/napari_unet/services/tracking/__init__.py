"""Label files tracked through time, and what is written of the tracks."""
