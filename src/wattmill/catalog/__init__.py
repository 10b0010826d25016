"""The world as tables, and the user's factory file; the only place where units convert.

Nouns: Accelerator, Hardware, Link, System, ModelSpec, ApiPrice, Quote, precision; Factory and what it
holds. A row says its source and date; a figure that nobody printed says that its confidence is low.
Arrows: knows `core` alone. `catalog.factory` stays quick to import: no table is read for it.
"""
