"""Holds an audit file of `examples/audit` against figures recomputed by other means.

A `recomputed_TOPIC` module maps the id of each claim to the same quantity from raw numbers, in the
unit in which the claim is stated: a number, a list, or `Within` where 1 % is too much to ask. None
is a claim that stays unknown. `disagreements_of` compares ids, values and verdicts.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from wattmill.plan.audit import Finding, audit

EXAMPLES = Path(__file__).parents[3] / "examples" / "audit"
CLOSE = 0.01


class Within(NamedTuple):
    """A value that agrees only to `frac`, and why."""

    value: float
    frac: float
    why: str


Recomputed = float | Sequence[float] | Within | None


@cache
def findings(file: str) -> Mapping[str, Finding]:
    """The findings of an audit file by id."""
    return {found.id: found for found in audit(EXAMPLES / file).findings}


def disagreements_of(file: str, recomputed: Mapping[str, Recomputed]) -> list[str]:
    """Every claim of a file that only one side has, that differs, or whose verdict surprises."""
    return list(disagreements(findings(file), recomputed))


def disagreements(
    found: Mapping[str, Finding], recomputed: Mapping[str, Recomputed]
) -> Iterator[str]:
    """What does not agree, in words."""
    for name in sorted(found.keys() ^ recomputed.keys()):
        yield f"{name}: only {'audited' if name in found else 'recomputed'}"
    for name in found.keys() & recomputed.keys():
        finding = found[name]
        if not finding.is_as_expected:
            yield f"{name}: {finding.verdict}, expected {finding.expected} ({finding.why})"
        if not _is_same(finding.recomputed, recomputed[name]):
            yield f"{name}: {finding.recomputed_text} is not {recomputed[name]}"


def _is_same(audited: Sequence[float] | None, other: Recomputed) -> bool:
    if audited is None or other is None:
        return audited is None and other is None
    frac = other.frac if isinstance(other, Within) else CLOSE
    values = [other.value] if isinstance(other, Within) else _listed(other)
    pairs = zip(audited, values, strict=False)
    return len(audited) == len(values) and all(_is_near(a, b, frac) for a, b in pairs)


def _listed(value: float | Sequence[float]) -> Sequence[float]:
    return [value] if isinstance(value, int | float) else value


def _is_near(a: float, b: float, frac: float) -> bool:
    return abs(a - b) <= frac * abs(b) + 1e-12
