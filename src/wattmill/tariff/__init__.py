"""Tariff: rate plans and rating. Pure; imports only ``catalog`` and ``core``."""
