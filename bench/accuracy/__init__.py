"""Predictions beside measurements, held out by family and by generation: `make accuracy`."""
