"""Cash flows of something that is bought, used and sold: forecasts in floats of USD.

Nouns: book value, NPV, IRR, payback, LCOT (levelised cost of token: present value of the costs
divided by present value of the tokens). Arrows: knows `core`; not `physics`, `site` or `tariff`,
and no GPU: it takes sums, months and tokens as numbers.
"""
