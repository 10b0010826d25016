"""The walk over every key of the factory file: files, turns of single keys, and what they move."""
