"""Tables of the control plane for the terminal."""

from datetime import UTC, datetime
from typing import Any

from rich import box
from rich.table import Table

from wattmill.core.money import PUSD_PER_UUSD, format_usd


def tenants_table(rows: list[dict[str, Any]], currency: str) -> Table:
    """Tenants with plan, budget and limits."""
    limits = (f"{currency}/month>", "req/min>", "at a time>")
    table = _table("tenant", "plan", "time zone", *limits, "served")
    for row in rows:
        budget = row["budget_uusd"]
        table.add_row(
            row["name"],
            row["plan"],
            row["timezone"],
            "–" if budget is None else format_usd(budget * PUSD_PER_UUSD),
            _or_dash(row["requests_per_minute"]),
            _or_dash(row["max_concurrency"]),
            "yes" if row["active"] else "no",
        )
    return table


def keys_table(rows: list[dict[str, Any]]) -> Table:
    """Keys without their text."""
    table = _table("key", "tenant", "label", "created", "revoked", "req/min>", "at a time>")
    for row in rows:
        table.add_row(
            row["id"],
            row["tenant"],
            row["label"] or "–",
            _date(row["created_us"]),
            _date(row["revoked_us"]),
            _or_dash(row["requests_per_minute"]),
            _or_dash(row["max_concurrency"]),
        )
    return table


def balances_table(rows: list[dict[str, Any]], currency: str) -> Table:
    """Budgets against what was spent."""
    amounts = (f"{name} {currency}>" for name in ("budget", "spent", "reserved", "left"))
    table = _table("tenant", "month", *amounts)
    for row in rows:
        budget, spent, held = row["budget_pusd"], row["spent_pusd"], row["held_pusd"]
        left = "–" if budget is None else format_usd(budget - spent - held, 6)
        table.add_row(
            row["tenant"],
            row["month"],
            "–" if budget is None else format_usd(budget),
            format_usd(spent, 6),
            format_usd(held, 6),
            left,
        )
    return table


def status_text(status: dict[str, Any]) -> str:
    """What runs, in a few lines."""
    gateway = status["gateway"]
    if gateway is None:
        return f"books     {status['data']}\ngateway   not running: wattmill up FACTORY.toml"
    lines = [
        f"books     {status['data']}",
        f"gateway   {gateway['not_ready'] or 'ready'} ({_processes(gateway)})",
        f"in flight {gateway['in_flight']} requests on {gateway['connections']} connections",
    ]
    for name, pool in gateway["pools"].items():
        lines.append(f"pool      {name}: {'up' if pool['up'] else 'down'}")
    return "\n".join(lines)


def _processes(gateway: dict[str, Any]) -> str:
    pids = gateway.get("pids")
    return f"processes {', '.join(map(str, pids))}" if pids else f"process {gateway['pid']}"


def _table(*headers: str) -> Table:
    """A plain table; a header that ends in ``>`` is aligned to the right."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for header in headers:
        table.add_column(header.rstrip(">"), justify="right" if header.endswith(">") else "left")
    return table


def _or_dash(value: int | None) -> str:
    return "–" if value is None else str(value)


def _date(at_us: int | None) -> str:
    if at_us is None:
        return "–"
    return datetime.fromtimestamp(at_us / 1e6, UTC).strftime("%Y-%m-%d %H:%M")


def reload_text(path: str, result: dict[str, Any]) -> str:
    """What became of a factory file that was read again."""
    is_running = result["gateway"] is not None
    where = "the running gateway has it" if is_running else "nothing runs; it is in the books"
    text = f"{path} is loaded: {where}."
    if is_running and result["without_engine"]:
        names = ", ".join(result["without_engine"])
        text += f"\nThe engine of {names} starts with the next `wattmill up`; until then it counts as down."
    return text
