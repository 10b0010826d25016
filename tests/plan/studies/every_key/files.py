"""Factory files in which every key is said once, and how one key of them is turned."""

from tests.plan.studies.every_key.books_text import BOOKS, MACHINES
from tests.plan.studies.every_key.choice_text import CHOICE, SWAP
from tests.plan.studies.every_key.rates_text import METER_USD, RATES, braces
from tests.plan.studies.factories import PLAN
from tests.plan.studies.halls import HALL
from tests.plan.studies.halls import POOL as CARDS

FILES = {
    "books": BOOKS + MACHINES,
    "choice": CHOICE + MACHINES,
    "hall": HALL + PLAN + CARDS,
    "swap": SWAP,
    "rates": RATES.replace("EACH_METER", braces(METER_USD)),
}


def turned(text: str, place: str, key: str, new: str | None) -> str:
    """The text with one key of one table set to what TOML writes; None takes the key out.

    place: the title of the table; of many, with the name of one: `[[loan]] bank`.
    """
    blocks = text.strip().split("\n\n")
    title, _, name = place.partition(" ")
    for i, block in enumerate(blocks):
        lines = block.split("\n")
        if lines[0] == title and (not name or f'name = "{name}"' in lines):
            kept = [line for line in lines if line.partition(" = ")[0] != key]
            blocks[i] = "\n".join([*kept, *([] if new is None else [f"{key} = {new}"])])
            return "\n\n".join(blocks) + "\n"
    if new is None:
        raise LookupError(f"{place} is not in the text")
    return "\n\n".join([*blocks, f"{title}\n{key} = {new}"]) + "\n"
