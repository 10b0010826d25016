"""What leaves the books while the factory runs: looks for alerts, and delivers what is in the outbox.

One background thread of the books process. Without ``[alerts]`` and ``collect_with`` in the factory file it reads that
file now and then and does nothing else. Where a secret is missing it says so once, and the messages stay.
"""

import logging
import os
import random
import time
from collections.abc import Callable, Mapping
from threading import Event

from wattmill.catalog.factory import Alerts, Factory
from wattmill.core.errors import UsageError, WattmillError
from wattmill.ledger import outbox
from wattmill.ledger.alerts import LOG, WEBHOOK, Alert, alert_message, budget_alerts
from wattmill.ledger.export.for_stripe import DESTINATION as STRIPE
from wattmill.ledger.outbox import Attempt, Destination, Message, Outbox
from wattmill.ledger.usage import Identity, identity
from wattmill.ledger.watch import SpikeWatch
from wattmill.web.books import Books
from wattmill.web.stripe_delivery import API_KEY_ENV, StripeDelivery, stripe_client
from wattmill.web.webhooks import SECRET_ENV, WebhookDelivery, secret_bytes

EVERY_S = 2.0
CONFIGURE_EVERY_S = 30.0
AT_MOST = 100
"""Messages in one go; between two of them a stop is heard."""
STRIPE_API_ENV = "WATTMILL_STRIPE_API"
"""Another address of Stripe's API, for a stand-in of it."""

log = logging.getLogger("wattmill.deliveries")


class Deliveries:
    """Told what the factory file wants by ``configure``; then one ``step`` after the other."""

    def __init__(self, books: Books, environment: Mapping[str, str] = os.environ) -> None:
        self._books = books
        self._environment = environment
        self._spikes = SpikeWatch(books.store)
        self._alerts: Alerts | None = None
        self._destinations: dict[str, Destination] = {}
        self._wanted: tuple[object, ...] | None = None
        self._percents: dict[str, tuple[int, ...]] = {}
        self._currency = ""

    def run(self, stop: Event) -> None:
        """Until told to stop. Nothing that goes wrong here ends it, or touches the books."""
        configured_s = -CONFIGURE_EVERY_S
        while not stop.wait(EVERY_S):
            try:
                if time.monotonic() - configured_s >= CONFIGURE_EVERY_S:
                    self.configure()
                    configured_s = time.monotonic()
                self.step(stop)
            except Exception as error:
                log.error("nothing is delivered: %s", error)
                stop.wait(10 * EVERY_S)

    def configure(self) -> None:
        """Take over what the factory file says now."""
        factory = self._books.factory
        self._alerts, self._currency = factory.alerts, factory.site.currency
        self._percents = {
            tenant.name: tenant.alert_at_percent
            for tenant in factory.tenants
            if tenant.alert_at_percent is not None
        }
        wanted = (factory.seller.collect_with, factory.alerts)
        if wanted != self._wanted:
            self._wanted = wanted
            self._destinations = self._made(factory)

    def step(self, stop: Event) -> int:
        """Look once, deliver once; how many messages arrived."""
        if self._alerts is not None:
            self._tell(self._alerts)
        if not self._destinations:
            return 0
        out = Outbox(self._books.store, self._destinations, now_us=_now_us, random=random.random)
        return out.deliver_due(AT_MOST, stop.is_set)

    # --- alerts -------------------------------------------------------------------------------------------------------

    def _tell(self, config: Alerts) -> None:
        """Write what is found into the outbox, which knows what was told before."""
        whom = (LOG, WEBHOOK) if config.webhook_url else (LOG,)
        found, now_s = self._found(config), time.time()
        messages = [
            alert_message(alert, destination, self._currency, now_s)
            for alert in found
            for destination in whom
        ]
        if not messages:
            return
        with self._books.store.transaction() as connection:
            for message in messages:
                outbox.put(connection, message, _now_us())

    def _found(self, config: Alerts) -> list[Alert]:
        standings = self._books.standings(lambda name: self._percents.get(name, config.at_percent))
        zones = {row.name: row.timezone for row in self._books.list_tenants() if row.active}
        return [*budget_alerts(standings), *self._spikes.spikes(zones, config, time.time())]

    # --- destinations -------------------------------------------------------------------------------------------------

    def _made(self, factory: Factory) -> dict[str, Destination]:
        """Who receives. One that cannot be made does not keep the others from theirs."""
        url = factory.alerts.webhook_url if factory.alerts else None
        made: dict[str, Destination | None] = {
            LOG: LogDelivery() if factory.alerts else None,
            WEBHOOK: self._tried(lambda: self._webhook(url)) if url else None,
            STRIPE: self._tried(self._stripe) if factory.seller.collect_with == STRIPE else None,
        }
        return {name: there for name, there in made.items() if there is not None}

    def _tried(self, make: Callable[[], Destination]) -> Destination | None:
        try:
            return make()
        except WattmillError as error:
            log.error("%s: %s", error, error.hint)
            return None

    def _webhook(self, url: str) -> Destination:
        return WebhookDelivery(url, secret_bytes(self._secret(SECRET_ENV)))

    def _stripe(self) -> Destination:
        key = self._secret(API_KEY_ENV)
        client = stripe_client(key, self._environment.get(STRIPE_API_ENV))
        return StripeDelivery(client, self._receipt, self._identity)

    def _secret(self, name: str) -> str:
        secret = self._environment.get(name, "")
        if not secret:
            hint = "set it and start the factory again; nothing is lost meanwhile"
            raise UsageError(f"the environment variable {name} is not set", hint=hint)
        return secret

    def _receipt(self, message_id: str) -> str | None:
        with self._books.store.reading() as connection:
            return outbox.receipt(connection, message_id)

    def _identity(self, tenant: str) -> Identity:
        return identity(self._books.store, tenant)


class LogDelivery:
    """Alerts to the log of the books process."""

    remembers_s: float | None = None
    settles_s = 0.0

    def deliver(self, message: Message, attempt: Attempt) -> str:
        """One line for each."""
        log.warning("%s", message.content()["text"])
        return LOG


def _now_us() -> int:
    return time.time_ns() // 1000
