"""Questions and answers for the eyes of a person. Plain text, because an answer must come at once."""

from textwrap import fill

from wattmill.plan.questions.registry import Answer, Input, Question
from wattmill.plan.questions.units import short

WIDTH = 100


def answer_text(answer: Answer) -> str:
    """The value with its interval, then what was asked and where the answer is from."""
    lines = [headline(answer)]
    lines += [f"  binds: {answer.binds}"] if answer.binds else []
    lines += [f"  note: {answer.note}"] if answer.note else []
    inputs = ", ".join(f"{name} = {text}" for name, text in answer.inputs.items())
    lines += [_folded(f"inputs: {inputs}"), _folded(f"source: {answer.source}")]
    return "\n".join(line for line in lines if line.strip())


def headline(answer: Answer) -> str:
    """`42.95 GB`, and `(90 % interval 40 to 46)` where there is one."""
    if isinstance(answer.value, bool):
        return "yes" if answer.value else "no"
    if isinstance(answer.value, str):
        return answer.value
    text = f"{short(answer.value)} {answer.unit}".strip()
    if answer.low is None or answer.high is None:
        return text
    return f"{text}  (90 % interval {short(answer.low)} to {short(answer.high)})"


def list_text(by_topic: dict[str, list[Question]]) -> str:
    """Every question with its one line, by topic."""
    return "\n\n".join(_topic_text(topic, asked) for topic, asked in by_topic.items())


def _topic_text(topic: str, asked: list[Question]) -> str:
    width = max(len(q.name) for q in asked)
    return "\n".join([topic, *(f"  {q.name:<{width}}  {q.meaning}" for q in asked)])


def about_text(question: Question) -> str:
    """Everything about one question."""
    lines = [f"{question.name}: {question.meaning}", ""]
    if question.details:
        lines += [question.details, ""]
    lines += ["inputs"]
    lines += [f"  {_input_text(spec)}" for spec in question.inputs.values()]
    gives = question.gives or "a number without a unit, or yes or no"
    lines += ["", f"answer: {gives}", f"source: {question.source}", "", question.usage()]
    return "\n".join(lines)


def _input_text(spec: Input) -> str:
    unit = f" [{spec.unit}]" if spec.unit else ""
    default = "" if spec.is_required else f"; default {spec.shown(spec.default)}"
    allowed = spec.range_text()
    return f"{spec.name}{unit}: {spec.meaning}" + (f" ({allowed})" if allowed else "") + default


def _folded(text: str) -> str:
    return fill(text, WIDTH, initial_indent="  ", subsequent_indent="    ")
