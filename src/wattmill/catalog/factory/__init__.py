"""The user's factory file: one TOML text that says what serves, what clients ask for and pay.

`load_factory` answers a frozen `Factory` or one `FactoryError` which names the line and the next
step. Prices are exact: a decimal of the file never goes through a float. What a study or an engine
alone can know (is the model in the catalog, does the GGUF exist) is not asked here.
"""

from wattmill.catalog.factory.reading import load_factory, parse_factory
from wattmill.catalog.factory.records import (
    DEMO,
    ENGINES,
    Alerts,
    Factory,
    Model,
    Pool,
    Prices,
    RatePlan,
    Seller,
    Serve,
    Site,
    Tax,
    Tenant,
)
from wattmill.catalog.factory.tables import KEYS

__all__ = [
    "DEMO",
    "ENGINES",
    "KEYS",
    "Alerts",
    "Factory",
    "Model",
    "Pool",
    "Prices",
    "RatePlan",
    "Seller",
    "Serve",
    "Site",
    "Tax",
    "Tenant",
    "load_factory",
    "parse_factory",
]
