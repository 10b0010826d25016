"""Ledger: what happened and what it cost. Imports ``tariff``, ``physics``, ``site``, ``finance``, ``catalog``, ``core``.

See ``README.md`` beside this file for the invariants that every change must keep.
"""
