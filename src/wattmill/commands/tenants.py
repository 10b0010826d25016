"""``wattmill tenants``, ``keys`` and ``budgets``."""

from typing import Annotated, Any

import typer

from wattmill.commands.common import (
    DATA,
    Concurrency,
    Data,
    Json,
    Rpm,
    call_and_show,
    require_country,
    require_timezone,
    say,
    tenant_name,
    uusd,
)
from wattmill.core.errors import UsageError

tenants_app = typer.Typer(help="Tenants: who is served, by which plan.", no_args_is_help=True)
Budget = Annotated[
    str | None, typer.Option("--budget", help="Per month, in the currency of the site.")
]

keys_app = typer.Typer(help="API keys: create, rotate, revoke.", no_args_is_help=True)
budgets_app = typer.Typer(help="Monthly budgets with a hard stop.", no_args_is_help=True)


@tenants_app.command("list")
def tenants_list(data: Data = DATA, as_json: Json = False) -> None:
    """Every tenant with its plan, budget and limits."""
    from wattmill.web.reports import site_currency
    from wattmill.web.text import tenants_table

    call_and_show(
        data, as_json, "list_tenants", lambda rows: tenants_table(rows, site_currency(data))
    )


@tenants_app.command("create")
def tenants_create(
    name: str,
    plan: Annotated[str, typer.Option("--plan", help="A rate plan of the factory file.")],
    timezone: Annotated[str, typer.Option("--timezone")] = "UTC",
    budget: Budget = None,
    rpm: Rpm = None,
    concurrency: Concurrency = None,
    reseller: Annotated[
        str | None, typer.Option("--reseller", help="The tenant who is billed for it.")
    ] = None,
    prepaid: Annotated[
        bool, typer.Option("--prepaid", help="Serve it as far as its credit goes.")
    ] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A tenant that is not in the factory file."""
    call_and_show(
        data,
        as_json,
        "create_tenant",
        lambda row: f"Tenant {row['name']} is created. Next: wattmill keys create {row['name']}",
        name=tenant_name(name),
        plan=plan,
        timezone=require_timezone(timezone),
        budget_uusd=uusd(budget),
        requests_per_minute=rpm,
        max_concurrency=concurrency,
        parent=reseller,
        prepaid=prepaid,
    )


@tenants_app.command("set")
def tenants_set(
    name: str,
    plan: Annotated[str | None, typer.Option("--plan")] = None,
    rpm: Annotated[int | None, typer.Option("--rpm", min=0, help="0: no limit.")] = None,
    concurrency: Annotated[
        int | None, typer.Option("--concurrency", min=0, help="0: no limit.")
    ] = None,
    active: Annotated[bool | None, typer.Option("--active/--inactive")] = None,
    prepaid: Annotated[bool | None, typer.Option("--prepaid/--postpaid")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Change a tenant's plan or limits, or stop serving it."""
    given: dict[str, Any] = {"plan": plan, "active": active, "prepaid": prepaid}
    values = {name: value for name, value in given.items() if value is not None}
    for column, limit in (("requests_per_minute", rpm), ("max_concurrency", concurrency)):
        if limit is not None:
            values[column] = limit or None
    if not values:
        raise UsageError(
            "nothing to set",
            hint="--plan, --rpm, --concurrency, --active, --inactive, --prepaid, --postpaid",
        )
    call_and_show(
        data,
        as_json,
        "set_tenant",
        lambda row: f"Tenant {row['name']} is set.",
        name=name,
        **values,
    )


@tenants_app.command("identify")
def tenants_identify(
    name: str,
    address: Annotated[
        list[str] | None, typer.Option("--address", help="A line of it; repeatable.")
    ] = None,
    tax_id: Annotated[str, typer.Option("--tax-id")] = "",
    email: Annotated[str, typer.Option("--email")] = "",
    country: Annotated[str | None, typer.Option("--country", help="By ISO 3166: DE.")] = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Who stands on the invoices of a tenant that is not in the factory file, and where it is taxed."""
    call_and_show(
        data,
        as_json,
        "identify",
        lambda _: f"{name} is written down, for its next invoices.",
        tenant=name,
        address=address or [],
        tax_id=tax_id,
        email=email,
        country=require_country(country),
    )


@tenants_app.command("erase")
def tenants_erase(
    name: str,
    documents: Annotated[
        bool, typer.Option("--documents", help="Also on documents that were issued to it.")
    ] = False,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Forget who a tenant is. What it used and was billed stays in the books."""
    call_and_show(
        data,
        as_json,
        "erase_identity",
        lambda count: (
            f"Who {name} is is erased" + (f", on {count} documents, too." if count else ".")
        ),
        tenant=name,
        documents=documents,
    )


@keys_app.command("list")
def keys_list(
    tenant: Annotated[str | None, typer.Argument()] = None, data: Data = DATA, as_json: Json = False
) -> None:
    """Keys without their text."""
    from wattmill.web.text import keys_table

    call_and_show(data, as_json, "list_keys", keys_table, tenant=tenant)


@keys_app.command("create")
def keys_create(
    tenant: str,
    label: Annotated[str, typer.Option("--label")] = "",
    rpm: Rpm = None,
    concurrency: Concurrency = None,
    budget: Budget = None,
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """A new key. Its text is shown now and never again."""
    call_and_show(
        data,
        as_json,
        "create_key",
        _new_key_text,
        tenant=tenant,
        label=label,
        requests_per_minute=rpm,
        max_concurrency=concurrency,
        budget_uusd=uusd(budget),
    )


@keys_app.command("rotate")
def keys_rotate(key_id: str, data: Data = DATA, as_json: Json = False) -> None:
    """A new key in place of an old one, which is refused from now on."""
    call_and_show(data, as_json, "rotate_key", _new_key_text, key_id=key_id)


@keys_app.command("revoke")
def keys_revoke(key_id: str, data: Data = DATA, as_json: Json = False) -> None:
    """Refuse a key from now on."""
    call_and_show(
        data, as_json, "revoke_key", lambda row: f"Key {row['id']} is revoked.", key_id=key_id
    )


def _new_key_text(key: dict[str, Any]) -> str:
    say(f"key {key['id']} of tenant {key['tenant']}; it is shown only now:")
    return str(key["key"])


@budgets_app.command("list")
def budgets_list(data: Data = DATA, as_json: Json = False) -> None:
    """What each tenant may spend this month, has spent, and has reserved."""
    from wattmill.web.reports import site_currency
    from wattmill.web.text import balances_table

    call_and_show(data, as_json, "balances", lambda rows: balances_table(rows, site_currency(data)))


@budgets_app.command("set")
def budgets_set(
    whose: Annotated[str, typer.Argument(metavar="TENANT|KEY", help="A tenant, or a key's id.")],
    amount: Annotated[
        str,
        typer.Argument(metavar="AMOUNT|none", help="Per month, in the currency of the site."),
    ],
    data: Data = DATA,
    as_json: Json = False,
) -> None:
    """Set the monthly budget of a tenant or of one of its keys. The next request feels it."""
    from wattmill.web.reports import site_currency

    budget = None if amount.lower() == "none" else uusd(amount)
    is_key = whose.startswith("k_")
    operation, name = ("set_key_budget", "key_id") if is_key else ("set_tenant", "name")
    call_and_show(
        data,
        as_json,
        operation,
        lambda _: f"Budget of {whose}: {_budget_text(budget, amount, site_currency(data))}.",
        **{name: whose, "budget_uusd": budget},
    )


def _budget_text(budget_uusd: int | None, amount: str, currency: str) -> str:
    return "no limit" if budget_uusd is None else f"{amount} {currency} per month"
