"""The verdict on a claim, and on all claims of some files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from wattmill.catalog.names import nearest
from wattmill.core.errors import PlanError, UsageError, WattmillError
from wattmill.plan.audit.claims import Row, Verdict, read
from wattmill.plan.audit.computation import Computation, Remedy, computation_of, numbers
from wattmill.plan.audit.remedies import remedies_of
from wattmill.plan.audit.stated import Statement, statement_of
from wattmill.plan.questions.units import Quantity, short

VERDICTS: tuple[Verdict, ...] = get_args(Verdict)


@dataclass(frozen=True)
class Finding:
    """A claim and what became of it. `recomputed` is in `unit`, as `stated` is."""

    id: str
    text: str
    verdict: Verdict
    expected: Verdict
    stated: str
    recomputed: tuple[float, ...] | None
    unit: str
    how: str
    why: str
    remedies: tuple[Remedy, ...]
    sources: tuple[str, ...]
    topic: str
    source: str
    note: str
    file: str

    @property
    def is_as_expected(self) -> bool:
        """Whether the verdict is the one that the file records."""
        return self.verdict == self.expected

    @property
    def recomputed_text(self) -> str:
        """The recomputed value with its unit."""
        if self.recomputed is None:
            return "—"
        if self.unit == "yes/no":
            return ", ".join("yes" if v else "no" for v in self.recomputed)
        values = ", ".join(short(v) for v in self.recomputed)
        return f"{values} {self.unit}".strip()


@dataclass(frozen=True)
class Audit:
    """All findings of some files."""

    findings: tuple[Finding, ...]

    @property
    def is_as_expected(self) -> bool:
        """Whether every verdict is the one that its file records."""
        return all(f.is_as_expected for f in self.findings)

    def count(self, verdict: Verdict) -> int:
        """How many got a verdict."""
        return sum(f.verdict == verdict for f in self.findings)


def as_data(found: Audit, shown: tuple[Finding, ...]) -> dict[str, Any]:
    """Counts of all findings, and the chosen ones, as plain data."""
    counts = {str(verdict): found.count(verdict) for verdict in VERDICTS}
    return {
        "claims": len(found.findings),
        **counts,
        "as_expected": found.is_as_expected,
        "findings": [{**asdict(f), "as_expected": f.is_as_expected} for f in shown],
    }


def chosen(found: Audit, only: str | None) -> tuple[Finding, ...]:
    """The findings with a verdict, or those that their file did not expect; None is all."""
    kinds = (*VERDICTS, "unexpected")
    if only is not None and only not in kinds:
        raise UsageError(f"there is no verdict {only!r}", hint=nearest(only, kinds))
    if only == "unexpected":
        return tuple(f for f in found.findings if not f.is_as_expected)
    return tuple(f for f in found.findings if only in (None, f.verdict))


def named(found: Audit, claim: str) -> Finding:
    """The finding on one claim; UsageError with the nearest ids."""
    for finding in found.findings:
        if finding.id == claim:
            return finding
    ids = [finding.id for finding in found.findings]
    raise UsageError(f"there is no claim {claim!r}", hint=nearest(claim, ids))


def audit(path: Path) -> Audit:
    """Every claim of a file, or of all `*.toml` files of a folder in order of their names.

    UsageError for a broken file, with its place.
    """
    return Audit(tuple(finding for file in _files(path) for finding in _audit_file(file)))


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    found = sorted(path.glob("*.toml")) if path.is_dir() else []
    if not found:
        raise UsageError(f"there is no audit file at {path}", hint="name a .toml file or a folder")
    return found


def _audit_file(path: Path) -> Iterator[Finding]:
    seen: set[str] = set()
    for row in read(path).claim:
        place = f"{path}: {row.id}"
        if row.id in seen:
            raise UsageError("two claims have this id", place=place, hint="give each its own")
        seen.add(row.id)
        try:
            yield judge(row, path.name)
        except WattmillError as error:
            inner = f"{error.place}: " if error.place else ""
            raise UsageError(inner + error.message, place=place, hint=error.hint) from None


def judge(row: Row, file: str = "") -> Finding:
    """The finding of one claim; UsageError if it is not written as one."""
    computation = computation_of(row)
    statement = statement_of(row, computation.unit)
    values, why = _computed(computation)
    verdict: Verdict = "unknown"
    if values is not None:
        statement.require_fit(values)
        verdict, why = _verdict(statement, [v.value for v in values])
    shown_unit, scale = statement.unit_of(values)
    return Finding(
        id=row.id,
        text=row.text,
        verdict=verdict,
        expected=row.expect,
        stated=statement.text,
        recomputed=None if values is None else tuple(v.value / scale.factor for v in values),
        unit=shown_unit,
        how=computation.how,
        why=why,
        remedies=remedies_of(computation, statement) if verdict == "refuted" else (),
        sources=computation.sources(),
        topic=row.topic,
        source=row.source,
        note=row.note,
        file=file,
    )


def _computed(computation: Computation) -> tuple[list[Quantity] | None, str]:
    """The values; or None, and what is missing or why physics refuses."""
    missing = computation.missing()
    if missing:
        return None, "needs " + ", ".join(missing)
    try:
        return numbers(computation.value(computation.given)), ""
    except PlanError as error:
        return None, f"{error.message}; {error.hint}" if error.hint else error.message


def _verdict(statement: Statement, values: list[float]) -> tuple[Verdict, str]:
    if not statement.is_stated:
        return "unknown", "nothing is stated to hold it against"
    return ("reproduced" if statement.holds(values) else "refuted"), ""
