"""How a study of money says that it cannot be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wattmill.core.errors import PlanError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Truth = bool | np.bool_ | NDArray[np.bool_]


def require(holds: Truth, message: str, hint: str) -> None:
    """PlanError unless `holds`, which is one bool or an array of them."""
    if not (holds if isinstance(holds, bool) else holds.all()):
        raise PlanError(message, hint=hint)


def require_positive(**values: Any) -> None:
    """PlanError that names the first of these numbers or arrays that is not above 0."""
    for name, value in values.items():
        require(value > 0, f"{name} = {value} is not above 0", f"give {name} above 0")
