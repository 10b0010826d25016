"""Final invoices and credit notes to Stripe, each exactly once.

An invoice there takes many requests (the invoice, its items, finalising it), and each can fail before or after it did
its work. Two things together make one invoice of them: every request has an idempotency key that follows from the
message, and every attempt but the first looks what is there before it adds what is missing. Lists are read, not
searched: Stripe's search lags behind, its lists do not.

Nothing is finalised whose total is not ours to the last unit.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from datetime import time as clock_time
from typing import Any

from wattmill.core.errors import LedgerError
from wattmill.ledger.export.for_stripe import customer_message
from wattmill.ledger.outbox import Attempt, Message, Refused, Undelivered
from wattmill.ledger.usage import Identity

API_KEY_ENV = "STRIPE_API_KEY"
MARK = "wattmill"
"""The field of Stripe's metadata that carries the message's id."""
REQUEST_TIMEOUT_S = 30.0
REMEMBERS_S = 23 * 3600.0
"""Stripe keeps a key for at least 24 hours (docs.stripe.com/api/idempotent_requests); an hour is for our clocks."""
SETTLES_S = 3600.0
ALMOST_A_DAY_S = 86_000
KEY_REFUSED_S = 600.0


def stripe_client(
    api_key: str, api_base: str | None = None, timeout_s: float = REQUEST_TIMEOUT_S
) -> Any:
    """The official client, without retries of its own: the outbox does that. ``LedgerError`` when not installed."""
    try:
        import stripe
    except ModuleNotFoundError:
        hint = "pip install 'wattmill[stripe]'"
        raise LedgerError(
            f"{API_KEY_ENV} is set, but Stripe's library is missing", hint=hint
        ) from None
    return stripe.StripeClient(
        api_key,
        base_addresses={"api": api_base} if api_base else {},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=timeout_s),
    )


class StripeDelivery:
    """A destination of the outbox. ``receipt`` says what a delivered message is called there, ``identity`` who a
    tenant is."""

    remembers_s: float | None = REMEMBERS_S
    settles_s = SETTLES_S

    def __init__(
        self,
        client: Any,
        receipt: Callable[[str], str | None],
        identity: Callable[[str], Identity],
    ) -> None:
        self._api = client.v1
        self._receipt = receipt
        self._identity = identity

    def deliver(self, message: Message, attempt: Attempt) -> str:
        """Make the customer, invoice, credit note or change of the balance, or finish it; Stripe's id for it."""
        content = message.content()
        make = {
            "customer": self._customer,
            "invoice": self._invoice,
            "credit_note": self._credit_note,
            "balance": self._balance,
        }[content["kind"]]
        with _failures():
            return make(message, content, attempt)

    # --- customer -----------------------------------------------------------------------------------------------------

    def _customer(self, message: Message, content: Any, attempt: Attempt) -> str:
        since = {"created": {"gte": _since_s(attempt)}, "limit": 100}
        if attempt.look_first and (found := _marked(self._api.customers.list(since), message.id)):
            return str(found[0].id)
        params = {"name": content["tenant"], "metadata": {MARK: message.id}}
        made = self._api.customers.create(params, {"idempotency_key": f"{attempt.key}.customer"})
        return str(made.id)

    def _tell_who(self, customer: str, tenant: str) -> None:
        """Bring the customer up to date; saying it twice changes nothing. Without a mail address Stripe cannot send."""
        who = self._identity(tenant)
        if not who.email:
            raise Refused(f"{tenant} has no mail address to send an invoice to: add `email` to it")
        lines = [*who.address[:2], *[""] * (2 - len(who.address))]
        address = {"line1": lines[0], "line2": lines[1]}
        self._api.customers.update(customer, {"email": who.email, "address": address})

    # --- invoice ------------------------------------------------------------------------------------------------------

    def _invoice(self, message: Message, content: Any, attempt: Attempt) -> str:
        customer = self._receipt(message.after or "")
        if customer is None:
            raise Undelivered("its customer is not there yet")
        found = self._find_invoice(message, customer, attempt)
        if found is None:
            self._tell_who(customer, content["tenant"])
            found = self._create_invoice(message, content, customer, attempt)
        if found.status == "draft":
            self._add_items(found.id, customer, message, content, attempt)
            self._finalise(found.id, content, attempt)
        return str(found.id)

    def _find_invoice(self, message: Message, customer: str, attempt: Attempt) -> Any:
        if not attempt.look_first:
            return None
        query = {"customer": customer, "created": {"gte": _since_s(attempt)}, "limit": 100}
        found = _marked(self._api.invoices.list(query), message.id)
        if len(found) > 1:
            raise Refused(f"Stripe has it {len(found)} times: {', '.join(i.id for i in found)}")
        return found[0] if found else None

    def _create_invoice(
        self, message: Message, content: Any, customer: str, attempt: Attempt
    ) -> Any:
        params = {
            "customer": customer,
            "currency": content["currency"],
            "number": content["number"],
            "collection_method": "send_invoice",
            **_due(content["due"], attempt.at_us // 10**6),
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "description": f"Ledger {content['chain_hash']}",
            "metadata": {MARK: message.id, "number": content["number"]},
        }
        return self._api.invoices.create(params, {"idempotency_key": f"{attempt.key}.invoice"})

    def _add_items(
        self, invoice: str, customer: str, message: Message, content: Any, attempt: Attempt
    ) -> None:
        there = set()
        if attempt.look_first:
            items = self._api.invoice_items.list({"invoice": invoice, "limit": 100})
            there = {_mark(item) for item in items.auto_paging_iter()}
        for number, item in enumerate(content["items"], start=1):
            mark = f"{message.id}.{number}"
            if mark in there:
                continue
            params = {
                "customer": customer,
                "invoice": invoice,
                "currency": content["currency"],
                "amount": item["amount"],
                "description": item["text"],
                "period": {"start": content["start_s"], "end": content["end_s"]},
                "metadata": {MARK: mark},
            }
            key = f"{attempt.key}.{invoice}.{number}"
            self._api.invoice_items.create(params, {"idempotency_key": key})

    def _finalise(self, invoice: str, content: Any, attempt: Attempt) -> None:
        there = self._api.invoices.retrieve(invoice)
        if (there.total, there.currency) != (content["total"], content["currency"]):
            raise Refused(
                f"the draft {invoice} at Stripe comes to {there.total} {there.currency}, "
                f"ours to {content['total']} {content['currency']}: delete it there and requeue"
            )
        if there.status == "draft":
            key = {"idempotency_key": f"{attempt.key}.{invoice}.finalise"}
            self._api.invoices.finalize_invoice(invoice, {"auto_advance": True}, key)

    # --- credit note --------------------------------------------------------------------------------------------------

    def _credit_note(self, message: Message, content: Any, attempt: Attempt) -> str:
        """It lowers what is still to be paid; what was paid already becomes credit of the customer there."""
        invoice = self._receipt(message.after or "")
        if invoice is None:
            raise Undelivered("its invoice is not there yet")
        query = {"invoice": invoice, "limit": 100}
        if attempt.look_first and (
            found := _marked(self._api.credit_notes.list(query), message.id)
        ):
            return str(found[0].id)
        paid = max(0, content["amount"] - self._api.invoices.retrieve(invoice).amount_remaining)
        params = {
            "invoice": invoice,
            "amount": content["amount"],
            **({"credit_amount": paid} if paid else {}),
            "memo": f"{content['number']} on {content['invoice']}",
            "metadata": {MARK: message.id, "number": content["number"]},
        }
        key = {"idempotency_key": f"{attempt.key}.credit_note"}
        return str(self._api.credit_notes.create(params, key).id)

    # --- balance ------------------------------------------------------------------------------------------------------

    def _balance(self, message: Message, content: Any, attempt: Attempt) -> str:
        """What no invoice there can carry: its next one is so much lower (below zero) or higher."""
        customer = self._receipt(customer_message(content["tenant"]).id)
        if customer is None:
            raise Undelivered("its customer is not there yet")
        transactions = self._api.customers.balance_transactions
        if attempt.look_first and (
            found := _marked(transactions.list(customer, {"limit": 100}), message.id)
        ):
            return str(found[0].id)
        params = {
            "amount": content["amount"],
            "currency": content["currency"],
            "description": f"{content['number']}, ledger {content['chain_hash']}",
            "metadata": {MARK: message.id, "number": content["number"]},
        }
        key = {"idempotency_key": f"{attempt.key}.balance"}
        return str(transactions.create(customer, params, key).id)


def _marked(listed: Any, message_id: str) -> list[Any]:
    return [thing for thing in listed.auto_paging_iter() if _mark(thing) == message_id]


def _mark(thing: Any) -> str | None:
    return getattr(thing.metadata, MARK, None)


def _since_s(attempt: Attempt) -> int:
    """From when on to look: with room for clocks that disagree."""
    return attempt.first_us // 10**6 - ALMOST_A_DAY_S


def _due(day: str, now_s: int) -> dict[str, int]:
    """The end of that day in UTC. Stripe refuses a day that is over, as when it could not be reached for long."""
    end_s = int(datetime.combine(date.fromisoformat(day), clock_time(23, 59, 59), UTC).timestamp())
    return {"due_date": end_s} if end_s > now_s else {"days_until_due": 1}


@contextmanager
def _failures() -> Iterator[None]:
    """Stripe's errors, in the words of the outbox."""
    import stripe

    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise Undelivered(f"the API key is refused: {error}", retry_s=KEY_REFUSED_S) from error
    except stripe.IdempotencyError as error:
        raise Undelivered(str(error), spent=True) from error
    except (stripe.InvalidRequestError, stripe.CardError) as error:
        raise Refused(str(error)) from error
    except stripe.StripeError as error:
        raise Undelivered(
            str(error), retry_s=_retry_after_s(error), spent=_is_replayed(error)
        ) from error


def _retry_after_s(error: Any) -> float:
    text = _header(error, "Retry-After")
    return float(text) if text.isdigit() else 0.0


def _is_replayed(error: Any) -> bool:
    """Whether this is the stored answer to an earlier request, which the same key brings again for a day."""
    return _header(error, "Idempotent-Replayed") == "true"


def _header(error: Any, name: str) -> str:
    return str((error.headers or {}).get(name, ""))
