"""What `wattmill ask` prints: an answer, the list, or what a question needs."""

from collections.abc import Iterable
from typing import Any

import msgspec

from wattmill.core.errors import UsageError
from wattmill.plan.questions.registry import Question, ask, find, near, questions, topics
from wattmill.plan.questions.text import about_text, answer_text, list_text


def answered(
    name: str | None, words: Iterable[str], *, list_: bool, about: bool, as_json: bool
) -> str:
    """The text for standard output; UsageError for words that make no question."""
    if about and name is None:
        raise UsageError("--about of which question?", hint="wattmill ask kv_cache_gb --about")
    if list_ or name is None:
        return _listed(name, as_json)
    if about:
        question = find(name)
        return _json(described(question)) if as_json else about_text(question)
    answer = ask(name, **_inputs(words))
    return _json(msgspec.structs.asdict(answer)) if as_json else answer_text(answer)


OPTIONS = {"--list": "list_", "--about": "about", "--json": "as_json"}


def from_words(words: Iterable[str]) -> str:
    """The same from the words of a command line: `kv_cache_gb model=… --json`."""
    flags = dict.fromkeys(OPTIONS.values(), False)
    rest: list[str] = []
    for word in words:
        if word in OPTIONS:
            flags[OPTIONS[word]] = True
        elif word.startswith("--"):
            raise UsageError(f"ask has no option {word!r}", hint=", ".join(OPTIONS))
        else:
            rest.append(word)
    return answered(rest[0] if rest else None, rest[1:], **flags)


def described(question: Question) -> dict[str, Any]:
    """A question as plain data, for JSON."""
    return {
        "name": question.name,
        "topic": question.topic,
        "meaning": question.meaning,
        "details": question.details,
        "gives": question.gives,
        "source": question.source,
        "inputs": [
            {
                "name": spec.name,
                "meaning": spec.meaning,
                "kind": spec.kind,
                "unit": spec.unit,
                "low": spec.low,
                "high": spec.high,
                "choices": spec.choices,
                "required": spec.is_required,
                "default": None if spec.is_required else spec.shown(spec.default),
            }
            for spec in question.inputs.values()
        ],
    }


def _listed(topic: str | None, as_json: bool) -> str:
    by_topic = topics()
    if topic is not None and topic not in by_topic:
        asked = topic.replace("-", "_") in questions()
        hint = f"wattmill ask {topic} --about" if asked else near(topic, by_topic, "topics are")
        raise UsageError(f"there is no topic {topic!r}", hint=hint)
    chosen = {topic: by_topic[topic]} if topic else by_topic
    if as_json:
        return _json([described(q) for asked in chosen.values() for q in asked])
    return list_text(chosen)


def _inputs(words: Iterable[str]) -> dict[str, str]:
    given: dict[str, str] = {}
    for word in words:
        written, equals, value = word.partition("=")
        key = written.strip().replace("-", "_")
        if not equals or not key:
            raise UsageError(f"{word!r} is no input", hint="write it like context=128Ki")
        if key in given:
            raise UsageError(f"{key!r} is given twice", hint="give it once")
        given[key] = value.strip()
    return given


def _json(data: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(data), indent=2).decode()
