"""The user's factory file: one TOML text that says what serves, what clients ask for and pay.

`load_factory` answers a frozen `Factory` or one `FactoryError` which names the line and the next
step. Prices are exact: a decimal of the file never goes through a float. What a study or an engine
alone can know (is the model in the catalog, does the GGUF exist) is not asked here.
"""

from typing import TYPE_CHECKING, Any

from wattmill.catalog.factory.choices import Candidate, Change, Demand, Offer
from wattmill.catalog.factory.money import (
    Capex,
    Finance,
    LeadTime,
    Lease,
    Loan,
    PowerContract,
    Process,
)
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

if TYPE_CHECKING:
    from wattmill.catalog.factory.reading import load_factory, parse_factory
    from wattmill.catalog.factory.tables import KEYS

__all__ = [
    "DEMO",
    "ENGINES",
    "KEYS",
    "Alerts",
    "Candidate",
    "Capex",
    "Change",
    "Demand",
    "Factory",
    "Finance",
    "LeadTime",
    "Lease",
    "Loan",
    "Model",
    "Offer",
    "Pool",
    "PowerContract",
    "Prices",
    "Process",
    "RatePlan",
    "Seller",
    "Serve",
    "Site",
    "Tax",
    "Tenant",
    "load_factory",
    "parse_factory",
]

_READERS = {"load_factory": "reading", "parse_factory": "reading", "KEYS": "tables"}


def __getattr__(name: str) -> Any:
    """What reads a file is loaded when it is first used: questions of physics need only the records."""
    if name not in _READERS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_READERS[name]}"), name)
    globals()[name] = value
    return value
