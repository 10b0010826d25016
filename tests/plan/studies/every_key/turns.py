"""Every key that is turned."""

from tests.plan.studies.every_key import (
    turns_of_bills,
    turns_of_choices,
    turns_of_money,
    turns_of_sites,
)
from tests.plan.studies.every_key.turn import TURNS, Turn

__all__ = [
    "TURNS",
    "Turn",
    "turns_of_bills",
    "turns_of_choices",
    "turns_of_money",
    "turns_of_sites",
]
