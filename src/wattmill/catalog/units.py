"""Where units convert: files speak GB, GB/s, TFLOP/s; everything inside speaks SI."""

from __future__ import annotations

GIGA = 1e9
TERA = 1e12
GIB = 2.0**30
MEGA = 1e6
KILO = 1e3

HOURS_PER_MONTH = 730.0
"""A month of 365 days / 12 to three digits; the trade's own convention for monthly power."""

MONTHS_PER_YEAR = 12
HOURS_PER_YEAR = MONTHS_PER_YEAR * HOURS_PER_MONTH
"""8,760: a year of 365 days."""

SECONDS_PER_MONTH = HOURS_PER_MONTH * 3600.0
TOKENS_PER_MTOK = 1e6
