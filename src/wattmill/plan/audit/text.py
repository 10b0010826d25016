"""An audit for the eyes of a person."""

from __future__ import annotations

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from wattmill.plan.audit.findings import VERDICTS, Audit, Finding

STYLES = {"reproduced": "green", "refuted": "red", "unknown": "yellow"}


def audit_screen(audit: Audit, shown: tuple[Finding, ...]) -> RenderableType:
    """A row per finding that is to be shown, then the counts of all."""
    parts: list[RenderableType] = [_table(shown)] if shown else []
    parts.append(Text(summary(audit), "bold"))
    parts += [Text(_surprise(f), "red") for f in audit.findings if not f.is_as_expected]
    return Group(*parts)


def finding_screen(finding: Finding) -> RenderableType:
    """One finding with all that is known of it."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for name, value in _facts(finding):
        grid.add_row(name, value)
    return grid


def _facts(finding: Finding) -> list[tuple[str, RenderableType]]:
    remedies = "\n".join(map(str, finding.remedies))
    facts: list[tuple[str, RenderableType]] = [
        ("claim", f"{finding.id} ({finding.topic})"),
        ("says", finding.text),
        ("stated", finding.stated),
        ("recomputed", finding.recomputed_text),
        ("by", finding.how),
        ("verdict", Text(finding.verdict, STYLES[finding.verdict])),
        ("why unknown", finding.why),
        ("true if", remedies),
        ("note", finding.note),
        ("said by", finding.source),
        ("sources", "\n".join(finding.sources)),
        ("file", finding.file),
    ]
    return [(name, value) for name, value in facts if value]


def summary(audit: Audit) -> str:
    """`286 claims: 170 reproduced, 101 refuted, 15 unknown; all as expected`."""
    counts = ", ".join(f"{audit.count(v)} {v}" for v in VERDICTS)
    surprises = sum(not f.is_as_expected for f in audit.findings)
    tail = f"{surprises} not as expected" if surprises else "all as expected"
    return f"{len(audit.findings)} claims: {counts}; {tail}"


def _table(findings: tuple[Finding, ...]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in ("claim", "stated", "recomputed", "verdict", "true if, or why unknown"):
        table.add_column(header, overflow="fold")
    for finding in findings:
        verdict = Text(finding.verdict, STYLES[finding.verdict])
        table.add_row(
            finding.id, finding.stated, finding.recomputed_text, verdict, _remark(finding)
        )
    return table


def _remark(finding: Finding) -> str:
    return str(finding.remedies[0]) if finding.remedies else finding.why


def _surprise(finding: Finding) -> str:
    return f"{finding.file}: {finding.id} is {finding.verdict}, expected {finding.expected}"
