"""One policy, three drivers: the gateway, the twin and a replay decide alike and post alike, in every scene.

A scene that fails is its seed: ``WATTMILL_SPINE_SEED=17 pytest tests/spine``. ``WATTMILL_SPINE_SCENES=2000`` plays
more of them.
"""

import os
from collections import defaultdict
from typing import Any

import msgspec
import pytest

from tests.spine.stage import for_gateway, play
from wattmill.core.records import NO_USAGE
from wattmill.ledger.entries import Entry, Void
from wattmill.policy import events as policy
from wattmill.policy.replay import Step, decode_log, encode_step, replay
from wattmill.twin.scenes import random_scene
from wattmill.twin.simulate import simulate

SCENES = int(os.environ.get("WATTMILL_SPINE_SCENES", "60"))
SEED = os.environ.get("WATTMILL_SPINE_SEED")
SEEDS = [int(SEED)] if SEED else range(SCENES)


def decisions(log: list[Step]) -> dict[int, list[tuple[Any, Any]]]:
    """What happened to each request and what was decided, in order, with exact times; words about a failure aside."""
    requests: dict[int, list[tuple[Any, Any]]] = defaultdict(list)
    for step in log:
        if not isinstance(step.event, policy.RosterChanged):
            event = _without_words(step.event)
            requests[step.event.request].append((event, [_without_words(a) for a in step.actions]))
    return dict(requests)


def _without_words(record: Any) -> Any:
    if isinstance(record, policy.EngineFailed):
        return msgspec.structs.replace(record, reason="")
    if isinstance(record, policy.Reject) and record.error.startswith("engine_"):
        return msgspec.structs.replace(record, message="")
    return record


def postings(entries: list[Entry]) -> list[Entry]:
    """The entries by request and time. What a voided request had cost us ourselves is measured, not decided."""
    comparable = (
        msgspec.structs.replace(entry, usage=NO_USAGE) if isinstance(entry, Void) else entry
        for entry in entries
    )
    return sorted(comparable, key=lambda entry: (entry.request, entry.at_s, type(entry).__name__))


@pytest.mark.parametrize("seed", SEEDS)
def test_gateway_and_twin_decide_and_post_alike(seed: int) -> None:
    scene = for_gateway(random_scene(seed))
    live, twin = play(scene), simulate(scene)
    assert decisions(live.log) == decisions(twin.log)
    assert postings(live.entries) == postings(twin.entries)
    assert live.counters == twin.counters
    assert live.balances == twin.balances


@pytest.mark.parametrize("seed", SEEDS)
def test_a_replay_of_the_recorded_log_decides_alike(seed: int) -> None:
    live = play(for_gateway(random_scene(seed)))
    recorded = decode_log(b"".join(map(encode_step, live.log)))
    assert recorded == live.log
    assert replay(recorded) is None


def test_the_scenes_hold_what_goes_wrong_in_life() -> None:
    """Over the seeds every kind of event and action occurs, or the agreement would prove little."""
    seen: set[str] = set()
    for seed in range(40):
        for step in simulate(for_gateway(random_scene(seed))).log:
            seen.add(type(step.event).__name__)
            seen.update(type(action).__name__ for action in step.actions)
            seen.update(a.error for a in step.actions if isinstance(a, policy.Reject))
    assert seen >= {"ClientGone", "Counted", "EngineFailed", "HoldRefused", "Streaming", "Waive"}
    assert seen >= {"insufficient_quota", "rate_limit", "concurrency_limit", "model_not_found"}
    assert seen >= {"engine_failed", "engine_unavailable"}


def test_a_changed_decision_is_found() -> None:
    """The comparison can fail: another price in one of the drivers is a difference."""
    scene = for_gateway(random_scene(1))
    dearer = [msgspec.structs.replace(price, output_text=10**6) for price in scene.roster.prices]
    roster = msgspec.structs.replace(scene.roster, prices=tuple(dearer))
    other = msgspec.structs.replace(scene, roster=roster)
    assert decisions(play(scene).log) != decisions(simulate(other).log)
