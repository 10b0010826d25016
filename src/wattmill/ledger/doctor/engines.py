"""The engines' own counters: every token that they counted is in the books or has a name."""

from collections.abc import Iterator

from wattmill.ledger.chain import Fault
from wattmill.ledger.doctor.case import Case
from wattmill.ledger.engines import stretches


def faults(case: Case) -> Iterator[Fault]:
    for stretch in stretches(case.connection):
        missing = stretch.reconciliation.unexplained
        if missing.total or missing.input_uncached or missing.input_cached or missing.output:
            yield Fault(
                stretch.words,
                f"no request explains {missing.input_uncached} uncached and {missing.input_cached} cached input "
                f"tokens and {missing.output} output tokens that the engine counted",
            )
