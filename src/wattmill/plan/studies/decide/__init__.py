"""`wattmill decide`: is a change worth its effort."""
