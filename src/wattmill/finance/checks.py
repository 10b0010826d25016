"""The one way in which a study of money says that it cannot be done."""

from __future__ import annotations

from typing import Any

from wattmill.core.errors import PlanError


def require(holds: Any, message: str, hint: str) -> None:
    """PlanError unless `holds`, which is one bool or an array of them."""
    if not (holds if isinstance(holds, bool) else holds.all()):
        raise PlanError(message, hint=hint)
