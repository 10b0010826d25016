"""Audit files of the examples, held against a second recomputation from raw numbers."""
