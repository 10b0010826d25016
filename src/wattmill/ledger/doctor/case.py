"""What every check is given."""

from functools import cached_property

from msgspec import Struct
from sqlalchemy import Connection, select

from wattmill.core.records import Price
from wattmill.ledger import schema
from wattmill.ledger.accounts import AccountsState
from wattmill.ledger.registry import Registry
from wattmill.ledger.store import Store


class Case(Struct, dict=True):
    """The books under examination, and one view of them."""

    store: Store
    connection: Connection

    @cached_property
    def prices(self) -> dict[int, Price]:
        """Every version of every price."""
        return {price.version: price for price in Registry(self.store).prices()}

    @cached_property
    def state(self) -> AccountsState:
        """The running accounts as the database keeps them."""
        return self.store.accounts_state()

    @cached_property
    def timezones(self) -> dict[str, str]:
        """The calendar of every tenant there ever was."""
        columns = (schema.tenant.c.name, schema.tenant.c.timezone)
        return dict(row for row in self.connection.execute(select(*columns)).tuples())
