"""The claims of `debt.toml` from raw numbers: a loan month by month, and sums in billions of USD."""

from tests.plan.audit.support import Recomputed

MONTHS, MONTHLY = 60, 0.12 / 12
LENT = 24_000.0
PAYMENT = LENT * MONTHLY / (1 - 1.01**-MONTHS)


def _balances() -> list[float]:
    """USD owed at the end of each month, by paying and accruing."""
    owed = [LENT]
    for _ in range(MONTHS):
        owed.append(owed[-1] * (1 + MONTHLY) - PAYMENT)
    return owed


def _first_underwater() -> int:
    """The first month in which 30,000 USD, a third of it after three years, are worth less."""
    worth = (30_000 * (1 / 3) ** (month / 36) for month in range(MONTHS + 1))
    pairs = enumerate(zip(_balances(), worth, strict=True))
    return next(month for month, (owed, value) in pairs if owed > value)


RECOMPUTED: dict[str, Recomputed] = {
    "loan-underwater-y3": _balances()[36],
    "loan-underwater-first": _first_underwater(),
    "dfs-rate-2-3": [9, 16],
    "recovery-33-52": 67,
    "duration-30-1-3": [30, 10],
    "vci-35": 3.5,
    "vci-16x": 54 / 19,
    "stargate-10": 50,
    "aligned-70pct": 28,
    "hyperion-debt-sum": 21,
    "hyperion-80-20": 2.5 + 2.5 / 4,
    "hyperion-date-conflict": 1,
    "coreweave-openai-rate": 4.48,
    "circular-loop": 400 / 30,
    "pref-order-conflict": 3,
    "debt-200b": [15, 20],
    "private-credit-50q": 50 * 4,
    "debt-121-90": 9000 / 121,
    "cap-7pct-oct": [12_100 / 350, 12_100 / 370],
    "debt-14t": 1400 * 0.055,
    "ig-15": 1.4 * 20 / 3,
    "rail-de": [100 - 100 / 1.62, 100 - 100 / 2.58],
}
