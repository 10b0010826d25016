"""Which machines, and how many of each, make the most of a power envelope.

Nouns: machine type, envelope, market, mix, shadow price. Arrows: knows `physics`, `site`, `finance`
and `catalog` through `plan.sizing`; `records`, `model` and `mix` know plain numbers only.
"""
