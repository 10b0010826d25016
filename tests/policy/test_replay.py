"""A log survives the round trip, and its replay finds the first thing that is decided otherwise."""

import msgspec
import pytest

from wattmill.core.roster import Roster, Tenant
from wattmill.policy.events import PoolView, Reject, RosterChanged, View
from wattmill.policy.replay import Step, decode_log, encode_step, replay
from wattmill.twin.scenes import random_scene
from wattmill.twin.simulate import simulate

LOG = simulate(random_scene(7)).log
DATA = b"".join(encode_step(step) for step in LOG)


def test_a_log_survives_the_round_trip() -> None:
    assert decode_log(DATA) == LOG
    assert decode_log(b"") == []


@pytest.mark.parametrize("seed", range(20))
def test_a_replay_of_what_was_written_reproduces_every_action(seed: int) -> None:
    log = simulate(random_scene(seed)).log
    assert replay(decode_log(b"".join(map(encode_step, log)))) is None


@pytest.mark.parametrize("cut", [1, 3, 4, 5])
def test_a_torn_last_frame_is_left_out(cut: int) -> None:
    last = encode_step(LOG[-1])
    assert decode_log(DATA[: -len(last) + cut]) == LOG[:-1]
    assert decode_log(DATA[:-cut]) == LOG[:-1]


def test_damage_inside_is_an_error() -> None:
    damaged = bytearray(DATA)
    damaged[4] ^= 0xFF
    with pytest.raises(msgspec.DecodeError):
        decode_log(bytes(damaged))


def test_the_first_difference_is_told() -> None:
    number = next(n for n, step in enumerate(LOG) if step.actions)
    otherwise: list[Step] = list(LOG)
    step = otherwise[number]
    otherwise[number] = Step(step.event, step.view, [Reject(1, "no", "no")])
    difference = replay(otherwise)
    assert difference is not None
    assert (difference.number, difference.decided) == (number, step.actions)
    assert difference.step == otherwise[number]


def test_a_step_that_is_missing_shows_at_the_next_that_needs_it() -> None:
    assert replay(LOG[1:]) is not None


@pytest.mark.parametrize("budget_pusd", [2**64 - 1, 2**64, 10**24])
def test_a_budget_of_any_size_survives_the_round_trip(budget_pusd: int) -> None:
    roster = Roster(1, (Tenant("acme", "plan", "UTC", budget_pusd),))
    wide = Step(RosterChanged(0.0, roster), View(0.0, {"a": PoolView(True)}), [])
    log = [LOG[0], wide, *LOG[1:]]
    assert decode_log(b"".join(map(encode_step, log))) == log
