"""wattmill: watts in, tokens out, invoices sent."""

__version__ = "0.1.0"
