"""What money does over time: forecasts in floats of USD, by month, on one path or on thousands.

Nouns: Project (what is bought, earned and owed), Asset, Sale, Load, Contract, Cost, Power;
Statement (the project month by month); LoanTerms and LoanSchedule, Lease, VendorCredit, Spv and
Waterfall; PriceProcess and Paths (random prices that fall and recover), Outcome (what they make of
a project); Bar and Index (sensitivities); Slot, Machine and Replacement (what to do with a place
under a power cap); Crossover, Payback, Decision (break-evens); Cascade (who pays whom). Measures:
NPV, IRR, MIRR, payback, LCOT, DSCR, LLCR, LTV, duration gap.

Flows of month t come at its end, month 0 is today. Arrays have months on their last axis and paths
before it. Arrows: knows `core`; not `physics`, `site`, `tariff` or `catalog`, and no GPU: it takes
sums, months, kW and tokens as numbers. Nothing here has a clock or chance of its own: a seed is
handed in.
"""
