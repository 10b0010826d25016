"""Dimensions: what may be compared, added and converted; and a number that carries its own."""

from typing import NamedTuple

BASE = ("kg", "m", "s", "K", "A", "byte", "USD")
COUNTS = ("token", "FLOP", "request")
Dims = tuple[float, ...]
"""Exponents of BASE and then of COUNTS."""

NONE: Dims = (0.0,) * (len(BASE) + len(COUNTS))


class Unit(NamedTuple):
    """`factor` base units with dimensions `dims`."""

    factor: float
    dims: Dims

    def __mul__(self, other: object) -> "Unit":
        assert isinstance(other, Unit)
        return Unit(self.factor * other.factor, plus(self.dims, other.dims))

    def per(self, other: "Unit") -> "Unit":
        """This unit divided by another."""
        return Unit(self.factor / other.factor, minus(self.dims, other.dims))


class Quantity(NamedTuple):
    """A number in base units, with its dimensions."""

    value: float
    dims: Dims = NONE


def plus(a: Dims, b: Dims) -> Dims:
    """Dimensions of a product."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


def minus(a: Dims, b: Dims) -> Dims:
    """Dimensions of a quotient."""
    return tuple(x - y for x, y in zip(a, b, strict=True))


def raised(a: Dims, exponent: float) -> Dims:
    """Dimensions of a power."""
    return tuple(x * exponent for x in a)


def dims(**exponents: float) -> Dims:
    """Dimensions by name: `dims(USD=1, s=-1)`."""
    return tuple(float(exponents.get(name, 0)) for name in (*BASE, *COUNTS))


ONE = Unit(1.0, NONE)


def compatible(a: Dims, b: Dims) -> bool:
    """Whether values of dimensions `a` and `b` can be compared; counts only where both name one."""
    n = len(BASE)
    if any(abs(x - y) > 1e-9 for x, y in zip(a[:n], b[:n], strict=True)):
        return False
    return a[n:] == b[n:] or not any(a[n:]) or not any(b[n:])


def describe(dims: Dims) -> str:
    """Dimensions in words: `byte/s`; `no unit` without any."""
    names = (*BASE, *COUNTS)
    above = [_exponent(n, e) for n, e in zip(names, dims, strict=True) if e > 0]
    below = [_exponent(n, -e) for n, e in zip(names, dims, strict=True) if e < 0]
    over = "*".join(above) or ("1" if below else "no unit")
    return "/".join([over, *below])


def _exponent(name: str, exponent: float) -> str:
    return name if exponent == 1 else f"{name}^{exponent:g}"
