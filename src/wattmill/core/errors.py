"""Every error that wattmill raises on purpose.

WattmillError
├── UsageError        a command was called with words that make no sense
├── FactoryError      the factory file is broken
├── CatalogError      a name that the catalog does not know
├── PlanError         a study that cannot be done
├── LedgerError       the books refuse
│   ├── LedgerBusy    another process writes this ledger
│   └── JournalError  the journal cannot be written or read
└── EngineError       an engine could not be started or reached

The command line prints ``error: {place}: {message}``, an empty line and ``hint: {hint}``, and exits with status 2.
"""


class WattmillError(Exception):
    """What went wrong (``message``), where (``place``) and the next step (``hint``)."""

    def __init__(self, message: str, *, hint: str = "", place: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" if self.place else self.message


class UsageError(WattmillError):
    """A command was called with words that make no sense."""


class FactoryError(WattmillError):
    """The factory file is broken; ``place`` is ``file:line``."""


class CatalogError(WattmillError):
    """A name that the catalog does not know; the hint carries the nearest names."""


class PlanError(WattmillError):
    """A study that cannot be done, with the figures that forbid it."""


class LedgerError(WattmillError):
    """The books refuse."""


class LedgerBusy(LedgerError):
    """Another process writes this ledger."""


class JournalError(LedgerError):
    """The journal cannot be written or read."""


class EngineError(WattmillError):
    """An engine could not be started or reached."""
