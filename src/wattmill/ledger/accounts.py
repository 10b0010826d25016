"""What every tenant has spent this month and has reserved, as a fold over the entries.

The data plane asks it before each request, the books keep one beside the database, and recovery rebuilds it from a
snapshot and the journal: always by ``apply``, so the three cannot disagree.
"""

from collections.abc import Callable
from copy import copy
from typing import Any

from msgspec import Struct

from wattmill.core.errors import LedgerError
from wattmill.core.roster import Tenant
from wattmill.ledger.entries import Deliver, Entry, Hold, Settle, Void, Waive
from wattmill.ledger.periods import Month, month_at


class Balance(Struct):
    """A tenant's money in its current month, in pUSD."""

    month: Month
    spent_pusd: int = 0
    held_pusd: int = 0


class AccountsState(Struct, array_like=True):
    """A snapshot of ``Accounts``, to be written down."""

    balances: dict[str, Balance] = {}
    open_holds: list[Hold] = []
    unconfirmed: list[Settle] = []


class Accounts:
    """Holds, balances and settlements that wait for their delivery."""

    def __init__(self, state: AccountsState | None = None) -> None:
        state = state or AccountsState()
        self._balances = _copied(state.balances)
        self._open = {hold.request: hold for hold in state.open_holds}
        self._unconfirmed = {settle.request: settle for settle in state.unconfirmed}
        self._timezones: dict[str, str] = {}
        self._budgets: dict[str, int | None] = {}
        self._folds: dict[type, Callable[[Any], bool]] = {
            Hold: self._hold,
            Settle: self._settle,
            Deliver: self._deliver,
            Void: self._void,
            Waive: self._waive,
        }

    def set_tenants(self, tenants: tuple[Tenant, ...]) -> None:
        """Take over budgets and time zones; balances stay."""
        self._timezones = {tenant.name: tenant.timezone for tenant in tenants}
        self._budgets = {tenant.name: tenant.budget_pusd for tenant in tenants}

    def state(self) -> AccountsState:
        """A snapshot that a new ``Accounts`` can start from."""
        return AccountsState(
            _copied(self._balances), list(self._open.values()), list(self._unconfirmed.values())
        )

    def copy(self) -> "Accounts":
        """The same accounts, to go on from without changing these."""
        other = Accounts(self.state())
        other._timezones, other._budgets = self._timezones, self._budgets
        return other

    @property
    def open_holds(self) -> list[Hold]:
        """Requests that have not ended, oldest first."""
        return list(self._open.values())

    @property
    def unconfirmed(self) -> list[Settle]:
        """Settlements whose delivery is neither confirmed nor waived, oldest first."""
        return list(self._unconfirmed.values())

    def held(self, request: int) -> Hold | None:
        """The open hold of a request."""
        return self._open.get(request)

    def unconfirmed_settle(self, request: int) -> Settle | None:
        """The settlement of a request whose delivery is open."""
        return self._unconfirmed.get(request)

    def balance(self, tenant: str, at_s: float) -> Balance:
        """The tenant's balance in the month of an instant; a new month starts with nothing spent."""
        balance = self._balances.get(tenant)
        if balance is None:
            balance = self._balances[tenant] = Balance(self._month(tenant, at_s))
        elif at_s >= balance.month.end_s:
            balance.month = self._month(tenant, at_s)
            balance.spent_pusd = 0
        return balance

    def remaining_pusd(self, tenant: str, at_s: float) -> int | None:
        """What the budget still allows, holds counted as spent; ``None`` without a budget."""
        budget = self._budgets.get(tenant)
        if budget is None:
            return None
        balance = self.balance(tenant, at_s)
        return budget - balance.spent_pusd - balance.held_pusd

    def apply(self, entry: Entry) -> bool:
        """Fold one entry in. ``False``, and nothing changes, when the request had already ended that way or another."""
        fold = self._folds.get(type(entry))
        if fold is None:
            raise LedgerError(f"{entry!r} is no entry")
        return fold(entry)

    def _hold(self, hold: Hold) -> bool:
        if hold.request in self._open:
            return False
        self._open[hold.request] = hold
        self.balance(hold.tenant, hold.at_s).held_pusd += hold.amount_pusd
        return True

    def _release(self, request: int) -> Hold | None:
        hold = self._open.pop(request, None)
        if hold is not None:
            self._balances[hold.tenant].held_pusd -= hold.amount_pusd
        return hold

    def _settle(self, settle: Settle) -> bool:
        if self._release(settle.request) is None:
            return False
        self._charge(settle.tenant, settle.held_at_s, settle.amount_pusd)
        self._unconfirmed[settle.request] = settle
        return True

    def _deliver(self, deliver: Deliver) -> bool:
        return self._unconfirmed.pop(deliver.request, None) is not None

    def _void(self, void: Void) -> bool:
        return self._release(void.request) is not None

    def _waive(self, waive: Waive) -> bool:
        settle = self._unconfirmed.pop(waive.request, None)
        if settle is None:
            return False
        self._charge(settle.tenant, settle.held_at_s, -settle.amount_pusd)
        return True

    def _charge(self, tenant: str, held_at_s: float, amount_pusd: int) -> None:
        """Charge the month of the hold; one that is over no longer counts against the budget."""
        balance = self._balances[tenant]
        if held_at_s >= balance.month.start_s:
            balance.spent_pusd += amount_pusd

    def _month(self, tenant: str, at_s: float) -> Month:
        return month_at(at_s, self._timezones.get(tenant, "UTC"))


def _copied(balances: dict[str, Balance]) -> dict[str, Balance]:
    """A snapshot must not move with the accounts it was taken from, nor with those that start from it."""
    return {tenant: copy(balance) for tenant, balance in balances.items()}
