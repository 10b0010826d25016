"""The power chain of a place: watts of machines to kW at the meter and USD per month.

Nouns: committed kW, energy, colocation. Arrows: knows `core` and `catalog`; not `physics`,
`finance` or `tariff`. It takes watts as numbers.
"""
