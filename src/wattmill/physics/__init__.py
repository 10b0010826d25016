"""Seconds and joules of a step, from the data sheet and the shape of the model.

Nouns: Deployment (a model on hardware), Fit (what its memory holds), StepCost (what one engine
iteration takes), Performance (what users see at a load), StepRates (the same for a router).
Arrows: knows `catalog` and `core`; not `site`, `finance` or `tariff`, and no clock or socket.
"""
