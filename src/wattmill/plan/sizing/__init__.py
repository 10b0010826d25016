"""What holds a model and how fast (`fit`), and what serves so many users in time (`size`).

Nouns: Candidate (hardware that may be bought, rented or is there), layout (one replica of a model
on some cards), FitReport and SizeReport. `text` shows them to a person, `figures` draws them.
"""
