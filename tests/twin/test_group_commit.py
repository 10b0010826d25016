"""One sync makes durable what gathered before it; what comes while it runs goes with the next."""

from hypothesis import given, settings
from hypothesis import strategies as st

from wattmill.ledger.entries import Deliver
from wattmill.twin.group_commit import GroupCommitModel

STEADY = settings(derandomize=True, deadline=None, max_examples=300)
ENTRY = Deliver(1, 0.0)


def test_what_comes_while_a_sync_runs_goes_with_the_next() -> None:
    model = GroupCommitModel(sync_s=2.0)
    assert model.next_s() is None
    assert model.append(10.0, ENTRY) == 1
    assert model.append(11.0, ENTRY) == 2
    assert model.append(11.5, ENTRY) == 3
    assert (model.next_s(), model.advance(11.9)) == (12.0, 0)
    assert (model.advance(12.0), model.next_s()) == (1, 14.0)
    assert (model.advance(14.0), model.next_s()) == (3, None)


def test_entries_of_one_instant_share_the_sync_that_begins_there() -> None:
    model = GroupCommitModel(sync_s=2.0)
    model.append(10.0, ENTRY)
    model.append(10.0, ENTRY)
    model.append(11.0, ENTRY)
    assert model.advance(12.0) == 2
    model.append(12.0, ENTRY)
    assert (model.advance(14.0), model.next_s()) == (4, None)


def test_a_sync_of_no_time_is_durable_at_the_same_instant() -> None:
    model = GroupCommitModel()
    for place in (1, 2, 3):
        assert model.append(10.0, ENTRY) == place
        assert (model.next_s(), model.advance(10.0), model.next_s()) == (10.0, place, None)


def test_entries_keep_their_order() -> None:
    model = GroupCommitModel(sync_s=1.0)
    entries = [Deliver(request, 0.0) for request in range(5)]
    for entry in entries:
        model.append(0.0, entry)
    assert model.entries == entries


@STEADY
@given(st.lists(st.integers(0, 30), max_size=40), st.sampled_from([0, 1, 10, 25]))
def test_an_entry_waits_for_one_sync_and_at_most_two(gaps: list[int], sync_s: int) -> None:
    model = GroupCommitModel(float(sync_s))
    durable_at: dict[int, float] = {}
    appended_at: dict[int, float] = {}

    def advance_to(now_s: float) -> None:
        while (next_s := model.next_s()) is not None and next_s <= now_s:
            for place in range(model.durable + 1, model.advance(next_s) + 1):
                durable_at[place] = next_s

    now_s = 0.0
    for gap in gaps:
        now_s += gap
        advance_to(now_s)
        appended_at[model.append(now_s, ENTRY)] = now_s
    advance_to(1e9)
    assert list(appended_at) == list(durable_at) == list(range(1, len(gaps) + 1))
    assert all(
        sync_s <= durable_at[place] - appended_at[place] <= 2 * sync_s for place in appended_at
    )
