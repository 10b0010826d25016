"""What a token costs and when making it beats buying it: rates of money over rates of tokens.

Numbers or NumPy arrays. Money per second over tokens per second is money per token, so no factor
of hours or millions is needed inside. Exact by definition.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from wattmill.finance.checks import require, require_positive

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

N = TypeVar("N", float, "NDArray[np.float64]")


def usd_per_token(usd_per_s: N, tok_per_s: N, utilisation_frac: N) -> N:
    """Cost of a token of something that costs money whether it works or not.

    utilisation_frac (0..1]: tokens made over those that could have been.
    """
    require_positive(tok_per_s=tok_per_s, utilisation_frac=utilisation_frac)
    return usd_per_s / (tok_per_s * utilisation_frac)


def owned_usd_per_s(
    paid_usd: N, resale_usd: N, life_s: N, power_w: N, pue: N, usd_per_joule: N, other_usd_per_s: N
) -> N:
    """Cost of a second of owned machines: wear + energy at the meter + what else runs on."""
    require_positive(life_s=life_s)
    return (paid_usd - resale_usd) / life_s + power_w * pue * usd_per_joule + other_usd_per_s


def implied_usd_per_s(usd_per_token: N, tok_per_s: N) -> N:
    """What a machine may cost per second if its tokens are to cost so much."""
    return usd_per_token * tok_per_s


def blended_usd_per_token(input_usd: N, output_usd: N, output_frac: N) -> N:
    """Mean price of a token where a share `output_frac` of them is output."""
    return input_usd * (1 - output_frac) + output_usd * output_frac


def request_usd(isl: N, osl: N, hit_frac: N, input_usd: N, cached_usd: N, output_usd: N) -> N:
    """Price of one request: uncached input, cached input and output at their own prices."""
    return isl * ((1 - hit_frac) * input_usd + hit_frac * cached_usd) + osl * output_usd


def margin_frac(price: N, cost: N) -> N:
    """Gross margin: 1 - cost / price."""
    require_positive(price=price)
    return 1 - cost / price


def break_even_tok_per_s(usd_per_s: N, api_usd_per_token: N) -> N:
    """Tokens per second, day and night, from which owning costs less than an API."""
    require_positive(api_usd_per_token=api_usd_per_token)
    return usd_per_s / api_usd_per_token


def payback_s(paid_usd: N, tok_per_s: N, api_usd_per_token: N, running_usd_per_s: N) -> N:
    """Seconds until what an API would have charged has paid for the machines and their running."""
    saved = tok_per_s * api_usd_per_token - running_usd_per_s
    require(saved > 0, "running costs more than the API charges", "send more tokens")
    return paid_usd / saved


def yearly_factor(before: N, after: N, years: N) -> N:
    """By how much something falls each year: (before / after)^(1 / years)."""
    require_positive(before=before, after=after, years=years)
    factor: N = (before / after) ** (1 / years)
    return factor


def cascade_cost_frac(small: N, large: N, escalated_frac: N) -> N:
    """Cost of asking a small model first and the large one for a share, over the large one alone."""
    require_positive(large=large)
    return (small + escalated_frac * large) / large


def cascade_break_even_frac(small: N, large: N) -> N:
    """Share of escalations at which a cascade costs as much as the large model alone."""
    require_positive(large=large)
    return 1 - small / large
