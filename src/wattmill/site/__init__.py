"""A place for machines: power, cooling, floor, building, contracts, and the time until all is there.

Nouns: RackLimits, feeder, breaker, bus bar; delivery chain and stage; air and water flows, PUE;
floor load; facility (USD per MW and slot), Deployment and ColoQuote; tariff, PPA and spot bills;
own generation and storage; carbon; lead time, Timetable, Outlook. Committed kW and energy of a
factory are in `site.power`.

Arrows: knows `core` and `catalog`; not `physics`, `finance` or `tariff`. It takes watts as numbers.
Nothing here has a clock or chance of its own: days are counted from a start, a seed is handed in.
"""
