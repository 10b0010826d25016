"""Ledger: what happened and what it cost. Imports ``tariff``, ``physics``, ``site``, ``finance`` and below.

See ``README.md`` beside this file for the invariants that every change must keep.
"""
