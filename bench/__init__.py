"""Measure wattmill's gateway beside its peers: `python -m bench.gateway`."""
