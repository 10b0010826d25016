"""Joules of tokens and requests, from watts and rates. Exact by definition."""

from __future__ import annotations

from wattmill.physics.numbers import N, require, require_positive


def joules_per_token(power_w: N, tok_per_s: N) -> N:
    """Watts over tokens per second."""
    require_positive(tok_per_s=tok_per_s)
    return power_w / tok_per_s


def tokens_per_joule(tok_per_s: N, power_w: N) -> N:
    """Tokens per second and watt, which is tokens per joule."""
    require_positive(power_w=power_w)
    return tok_per_s / power_w


def machines_in(site_w: N, pue: N, machine_w: N) -> N:
    """How many machines of `machine_w` a connection of `site_w` at the meter carries."""
    require_positive(machine_w=machine_w)
    require(pue >= 1, f"a PUE of {pue} cannot be", "a PUE is 1 or more")
    return site_w / pue / machine_w
