"""A reseller buys at its own price, its clients pay by their plans, and each hop has its margin."""

from tests.ledger.billing.test_late import correct
from tests.ledger.billing.world import World, flat, tiered

from wattmill.core.errors import UsageError
from wattmill.ledger.billing import archive
from wattmill.ledger.billing.hops import ClientMargin, hop_margins

EUR = 10**12


def resold(world: World) -> None:
    """mesa buys at 1.00; its clients acme and delta pay 3.00, echo below delta pays delta 4.00."""
    world.plan("wholesale", flat())
    world.plan("retail", flat(output_text="3"))
    world.plan("third", flat(output_text="4"))
    world.tenant("mesa", "wholesale")
    world.tenant("acme", "retail", parent="mesa")
    world.tenant("delta", "retail", parent="mesa")
    world.tenant("echo", "third", parent="delta")


def test_the_site_bills_the_reseller_for_what_its_clients_used(world: World) -> None:
    resold(world)
    world.serve("2026-11-10 12:00", output=2_000)
    world.serve("2026-11-10 12:00", output=500, tenant="mesa")
    made = world.issued("mesa")
    assert (made.number, made.issuer, made.net_minor) == ("INV-00001", None, 2_50)
    (client,) = made.clients
    assert (client.client, client.tokens, client.amount_pusd) == ("acme", 2_000_000, 2 * EUR)
    assert world.balances() == {"receivable:mesa": "2.50", "income:usage": "-2.50"}


def test_the_reseller_bills_its_client_in_a_series_of_its_own(world: World) -> None:
    resold(world)
    world.serve("2026-11-10 12:00", output=2_000)
    made = world.issued("acme")
    assert (made.number, made.issuer, made.net_minor) == ("mesa/INV-00001", "mesa", 6_00)
    assert made.seller.name == "mesa"
    assert world.balances() == {}
    assert archive.document(world.store, "mesa/INV-00001") == made


def test_every_hop_has_its_margin(world: World) -> None:
    resold(world)
    world.serve("2026-11-10 12:00", output=2_000)
    world.serve("2026-11-10 12:00", output=1_000, tenant="echo")
    margins = hop_margins(world.store, world, "2026-11")  # type: ignore[arg-type]
    delta, mesa = sorted(margins, key=lambda one: one.reseller)
    assert delta.clients == (ClientMargin("echo", 4 * EUR, 3 * EUR),)
    assert mesa.clients == (
        ClientMargin("acme", 6 * EUR, 2 * EUR),
        ClientMargin("delta", 3 * EUR, 1 * EUR),
    )
    assert (delta.margin_pusd, mesa.margin_pusd, mesa.billed_pusd) == (EUR, 6 * EUR, 3 * EUR)


def test_tiers_of_the_resellers_own_plan_are_its_gain(world: World) -> None:
    resold(world)
    world.plan("bulk", tiered("1", "0.5"))
    world.tenant("mesa", "bulk")
    world.serve("2026-11-10 12:00", output=12_000)
    margins = hop_margins(world.store, world, "2026-11")  # type: ignore[arg-type]
    mesa = next(one for one in margins if one.reseller == "mesa")
    assert (mesa.billed_pusd, mesa.terms_pusd) == (11 * EUR, -EUR)
    assert mesa.margin_pusd == 36 * EUR - 11 * EUR


def test_a_correction_of_a_clients_request_reaches_its_reseller(world: World) -> None:
    resold(world)
    served = world.serve("2026-10-10 12:00", output=2_000)
    world.issue("mesa", "2026-10")
    world.issue("acme", "2026-10")
    correct(world, served.end.request, {"output_text": -1_000_000})
    assert world.issued("mesa").net_minor == -1_00
    assert world.issued("acme").net_minor == -3_00


def test_late_usage_of_a_client_is_late_for_the_reseller(world: World) -> None:
    resold(world)
    world.serve("2026-10-10 12:00", output=2_000)
    world.issue("mesa", "2026-10")
    world.serve("2026-10-11 12:00", output=1_000)
    (line,) = world.issued("mesa").lines
    assert (line.month, line.is_late, line.amount_minor) == ("2026-10", True, 1_00)


def test_a_wrong_name_is_told_the_nearest(world: World) -> None:
    resold(world)
    try:
        world.draft("mesaa")
    except UsageError as error:
        assert "'mesa'" in error.hint
    else:
        raise AssertionError
