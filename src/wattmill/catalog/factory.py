"""The user's factory file: one TOML text that says what serves, what clients ask for and pay.

`load_factory` answers a frozen `Factory` or one `FactoryError` which names the line and the next
step. Prices are exact: a decimal of the file becomes an int of micro-USD per million tokens, never
through a float. What a study or an engine alone can know (is the model in the catalog, does the
GGUF exist) is not asked here.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from wattmill.catalog.names import nearest
from wattmill.catalog.precision import KV_BITS, WEIGHT_BITS
from wattmill.core.errors import FactoryError
from wattmill.core.money import usd_to_uusd

T = TypeVar("T")
Key = tuple[str | int, ...]

ENGINES = {
    "llama.cpp": "q4_k_m",
    "ollama": "q4_k_m",
    "lmstudio": "q4_k_m",
    "vllm": "bf16",
    "sglang": "bf16",
    "trtllm": "bf16",
    "openai": None,
}
"""Engines by name, with the precision each one serves when the file names none. `openai` is any
server that speaks the OpenAI API, a cloud among them."""

DEMO = "demo"
"""The `path` that means the GGUF shipped inside the package."""

MAX_USD = Decimal(10**12)
NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
ENV_NAME = re.compile(r"[A-Z][A-Z0-9_]{0,63}")
URL = re.compile(r"https?://[^\s/@?#]+(/[^\s?#@]*)?")
ADDRESS = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+):([0-9]{1,5})")


class Site(msgspec.Struct, frozen=True):
    """Where the machines stand: power, its price, and what the place may draw."""

    name: str = "factory"
    power_usd_per_kwh: float = 0.12
    pue: float = 1.30
    power_cap_kw: float | None = None
    colo_usd_per_kw_month: float = 0.0
    timezone: str = "UTC"
    currency: str = "USD"


class Seller(msgspec.Struct, frozen=True):
    """Who writes the invoices."""

    name: str = ""
    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""
    payment_terms_days: int = 14
    bank: tuple[str, ...] = ()


class Serve(msgspec.Struct, frozen=True):
    """What the gateway listens on and the bounds it holds clients to."""

    listen: str = "127.0.0.1:8600"
    control: str = "127.0.0.1:8601"
    max_body_mb: float = 16.0
    max_header_kb: float = 32.0
    header_timeout_s: float = 10.0
    body_timeout_s: float = 60.0
    drain_timeout_s: float = 30.0
    max_connections: int = 4096
    max_waiting: int = 1024


class Prices(msgspec.Struct, frozen=True):
    """Micro-USD per million tokens of each disjoint meter; exact integers."""

    input: int
    cached_input: int
    cache_write: int
    output: int
    reasoning: int
    audio_in: int
    audio_out: int
    image_in: int


class Pool(msgspec.Struct, frozen=True):
    """Machines, or a cloud API, that serve one model.

    `hardware` None is an API without physics. `url` None with engine `llama.cpp` is the embedded
    engine. `uusd_per_mtok` is what a cloud charges us. `idle_w` and `busy_w` are measured at the
    wall, for the whole pool. `tp` cards share each layer; the rest of the cards are replicas.
    """

    name: str
    model: str
    hardware: str | None = None
    precision: str | None = None
    kv_precision: str | None = None
    engine: str = "llama.cpp"
    url: str | None = None
    path: str | None = None
    served_model: str | None = None
    api_key_env: str | None = None
    context: int | None = None
    slots: int | None = None
    threads: int | None = None
    tp: int | None = None
    paid_usd: float | None = None
    bought: date | None = None
    life_months: int = 36
    resale_usd: float = 0.0
    uusd_per_mtok: Prices | None = None
    idle_w: float | None = None
    busy_w: float | None = None

    @property
    def embedded(self) -> bool:
        """Whether this process itself runs the engine of the pool."""
        return self.engine == "llama.cpp" and self.url is None


class Model(msgspec.Struct, frozen=True):
    """A name that clients ask for, and the pools that answer it, first choice first."""

    alias: str
    route: tuple[str, ...]
    max_output_tokens: int | None = None


class RatePlan(msgspec.Struct, frozen=True):
    """What tenants pay. `valid_from` None is from the moment the file is read."""

    name: str
    uusd_per_mtok: Prices
    valid_from: date | None = None


class Tenant(msgspec.Struct, frozen=True):
    """Who pays. `timezone` None is the site's; a limit of None is no limit."""

    name: str
    rate_plan: str
    budget_uusd_per_month: int | None = None
    timezone: str | None = None
    requests_per_minute: int | None = None
    max_concurrency: int | None = None
    address: tuple[str, ...] = ()
    tax_id: str = ""
    email: str = ""


class Factory(msgspec.Struct, frozen=True):
    """The whole file, checked: names are unique and every reference leads somewhere."""

    path: Path
    site: Site
    seller: Seller
    serve: Serve
    pools: tuple[Pool, ...]
    models: tuple[Model, ...]
    rate_plans: tuple[RatePlan, ...] = ()
    tenants: tuple[Tenant, ...] = ()

    def pool(self, name: str) -> Pool:
        """The pool of that name, or a FactoryError with the nearest names."""
        return self._find("pool", {p.name: p for p in self.pools}, name)

    def model(self, alias: str) -> Model:
        """The model of that alias, or a FactoryError with the nearest aliases."""
        return self._find("model", {m.alias: m for m in self.models}, alias)

    def rate_plan(self, name: str) -> RatePlan:
        """The rate plan of that name, or a FactoryError with the nearest names."""
        return self._find("rate plan", {r.name: r for r in self.rate_plans}, name)

    def tenant(self, name: str) -> Tenant:
        """The tenant of that name, or a FactoryError with the nearest names."""
        return self._find("tenant", {t.name: t for t in self.tenants}, name)

    def _find(self, what: str, known: dict[str, T], name: str) -> T:
        if name in known:
            return known[name]
        raise FactoryError(
            f"there is no {what} {name!r}", hint=nearest(name, known), place=str(self.path)
        )


def load_factory(path: Path) -> Factory:
    """Read the factory file at `path`; FactoryError if it cannot be read or does not hold."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise FactoryError(
            f"cannot read the factory file: {error.strerror or error}",
            hint="give the path of a factory file; `wattmill init` writes one",
            place=str(path),
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise FactoryError(
            "the file is not UTF-8 text", hint="save it as UTF-8", place=f"{path}:{line}"
        ) from None
    return parse_factory(text, str(path))


def parse_factory(text: str, place: str) -> Factory:
    """Read the text of a factory file; `place` names the file in errors and roots its paths."""
    return _Reader(text, place).factory()


class _Reader:
    """Reads one text, from the tables that stand alone to those that refer to others."""

    def __init__(self, text: str, place: str) -> None:
        self.place = place
        self.values = _parse_toml(text, place)
        self.line_of = _lines(text)

    def factory(self) -> Factory:
        kinds = ("site", "seller", "serve", "pool", "model", "rate_plan", "tenant")
        _Table(self, (), self.values, kinds)
        site, seller, serve = self.site(), self.seller(), self.serve()
        pools = self.each("pool", Pool, self.pool)
        if not pools:
            self.fail((), "there is no [[pool]]", "a pool is what serves: name, model, hardware")
        models = self.each("model", Model, lambda t: self.model(t, {p.name for p in pools}))
        if not models:
            self.fail((), "there is no [[model]]", "a model is what clients ask for: alias, route")
        plans = self.each("rate_plan", RatePlan, self.rate_plan)
        names = {p.name for p in plans}
        tenants = self.each("tenant", Tenant, lambda t: self.tenant(t, names))
        return Factory(Path(self.place), site, seller, serve, pools, models, plans, tenants)

    def site(self) -> Site:
        t = self.one("site", Site)
        return Site(
            name=t.word("name", "factory"),
            power_usd_per_kwh=t.number("power_usd_per_kwh", 0.12, high=100),
            pue=t.number("pue", 1.30, low=1, high=10),
            power_cap_kw=t.number("power_cap_kw", None, above=0),
            colo_usd_per_kw_month=t.number("colo_usd_per_kw_month", 0.0),
            timezone=t.timezone("timezone", "UTC"),
            currency=t.one_of("currency", "USD", ["USD"]),
        )

    def seller(self) -> Seller:
        t = self.one("seller", Seller)
        return Seller(
            name=t.text("name", ""),
            address=t.lines("address"),
            tax_id=t.text("tax_id", ""),
            email=t.text("email", ""),
            payment_terms_days=t.count("payment_terms_days", 14, low=0, high=3650),
            bank=t.lines("bank"),
        )

    def serve(self) -> Serve:
        t = self.one("serve", Serve)
        return Serve(
            listen=t.address("listen", "127.0.0.1:8600"),
            control=t.address("control", "127.0.0.1:8601"),
            max_body_mb=t.number("max_body_mb", 16.0, above=0, high=4096),
            max_header_kb=t.number("max_header_kb", 32.0, above=0, high=1024),
            header_timeout_s=t.number("header_timeout_s", 10.0, above=0, high=3600),
            body_timeout_s=t.number("body_timeout_s", 60.0, above=0, high=3600),
            drain_timeout_s=t.number("drain_timeout_s", 30.0, high=3600),
            max_connections=t.count("max_connections", 4096),
            max_waiting=t.count("max_waiting", 1024, low=0),
        )

    def pool(self, t: _Table) -> Pool:
        url = t.url("url")
        engine = t.one_of("engine", "llama.cpp" if url is None else "openai", ENGINES)
        hardware = t.word("hardware", None)
        default = ENGINES[engine] or ("bf16" if hardware is not None else None)
        paid_usd = t.number("paid_usd", None)
        resale_usd = t.number("resale_usd", 0.0)
        if resale_usd > (paid_usd or 0.0):
            self.fail((*t.at, "resale_usd"), "resale_usd is more than paid_usd", "check both sums")
        return Pool(
            name=t.name("name"),
            model=t.required(t.word("model", None), "model"),
            hardware=hardware,
            precision=t.one_of("precision", default, WEIGHT_BITS),
            kv_precision=t.one_of("kv_precision", None, KV_BITS),
            engine=engine,
            url=url,
            path=t.path("path", Path(self.place).parent),
            served_model=t.word("served_model", None),
            api_key_env=t.env_name("api_key_env"),
            context=t.count("context", None),
            slots=t.count("slots", None),
            threads=t.count("threads", None),
            tp=t.count("tp", None),
            paid_usd=paid_usd,
            bought=t.date("bought"),
            life_months=t.count("life_months", 36, high=600),
            resale_usd=resale_usd,
            uusd_per_mtok=t.prices("usd_per_mtok"),
            idle_w=t.number("idle_w", None),
            busy_w=t.number("busy_w", None),
        )

    def model(self, t: _Table, pools: set[str]) -> Model:
        return Model(
            alias=t.name("alias"),
            route=t.route("route", pools),
            max_output_tokens=t.count("max_output_tokens", None),
        )

    def rate_plan(self, t: _Table) -> RatePlan:
        return RatePlan(
            name=t.name("name"),
            uusd_per_mtok=t.required(t.prices("usd_per_mtok"), "usd_per_mtok"),
            valid_from=t.date("valid_from"),
        )

    def tenant(self, t: _Table, plans: set[str]) -> Tenant:
        return Tenant(
            name=t.name("name"),
            rate_plan=t.refers(
                "rate_plan", t.required(t.word("rate_plan", None), "rate_plan"), plans
            ),
            budget_uusd_per_month=t.uusd("budget_usd_per_month", None),
            timezone=t.timezone("timezone", None),
            requests_per_minute=t.count("requests_per_minute", None),
            max_concurrency=t.count("max_concurrency", None),
            address=t.lines("address"),
            tax_id=t.text("tax_id", ""),
            email=t.text("email", ""),
        )

    def one(self, kind: str, record: type[msgspec.Struct]) -> _Table:
        return _Table(self, (kind,), self.values.get(kind, {}), _keys_of(record))

    def each(
        self, kind: str, record: type[msgspec.Struct], read: Callable[[_Table], T]
    ) -> tuple[T, ...]:
        """Every `[[kind]]`, read and with a name of its own."""
        rows = self.values.get(kind, [])
        if not isinstance(rows, list):
            self.fail((kind,), f"[{kind}] must be a list of tables", f"write [[{kind}]]")
        found: dict[str, T] = {}
        for i, row in enumerate(rows):
            table = _Table(self, (kind, i), row, _keys_of(record))
            name_key = "alias" if kind == "model" else "name"
            name = table.name(name_key)
            if name in found:
                self.fail(
                    (kind, i, name_key),
                    f"a second {kind} is called {name!r}",
                    "give each its own name",
                )
            found[name] = read(table)
        return tuple(found.values())

    def fail(self, at: Key, message: str, hint: str) -> NoReturn:
        """Raise a FactoryError at the line of the nearest thing written that holds `at`."""
        found = (self.line_of[at[:n]] for n in range(len(at), 0, -1) if at[:n] in self.line_of)
        raise FactoryError(message, hint=hint, place=f"{self.place}:{next(found, 1)}")


class _Table:
    """One table while it is read: each key by its kind, each refusal with its line."""

    def __init__(self, reader: _Reader, at: Key, values: object, known: Iterable[str]) -> None:
        self.reader = reader
        self.at = at
        if not isinstance(values, dict):
            reader.fail(at, f"{_show(at)} must be a table", f"write [{_show(at)}]")
        self.values: dict[str, Any] = values
        for key in values:
            if key not in known:
                self.unknown(key, known)

    def unknown(self, key: str, known: Iterable[str]) -> NoReturn:
        where = f" in {_show(self.at)}" if self.at else ""
        self.fail(key, f"unknown key {key!r}{where}", nearest(key, known))

    def fail(self, key: str, message: str, hint: str) -> NoReturn:
        self.reader.fail((*self.at, key), message, hint)

    def required(self, value: T | None, key: str) -> T:
        if value is None:
            self.reader.fail(self.at, f"{_show(self.at)} has no {key}", f"add {key} = …")
        return value

    def text(self, key: str, default: T) -> str | T:
        """A line of text, possibly empty."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, str):
            self.fail(key, f"{key} must be text, not {_kind(value)}", f'write {key} = "…"')
        if not value.isprintable():
            self.fail(key, f"{key} holds a line break or control character", "write one line")
        return value

    def word(self, key: str, default: T) -> str | T:
        """A line of text that says something."""
        value = self.text(key, default)
        if isinstance(value, str) and (not value or value.strip() != value):
            self.fail(
                key,
                f"{key} is empty or has spaces around it",
                "write it without, or leave the key out",
            )
        return value

    def name(self, key: str) -> str:
        value = self.required(self.text(key, None), key)
        if not NAME.fullmatch(value):
            self.fail(
                key,
                f"{key} {value!r} is not a name",
                "use small letters, digits, '.', '_' and '-', a letter or digit first",
            )
        return value

    def one_of(self, key: str, default: T, options: Iterable[str]) -> str | T:
        value = self.text(key, default)
        if key in self.values and value not in set(options):
            self.fail(key, f"unknown {key} {value!r}", nearest(str(value), options))
        return value

    def refers(self, key: str, value: str, known: set[str]) -> str:
        if value not in known:
            self.fail(
                key,
                f"{key} names {value!r}, which is not in this file",
                nearest(value, sorted(known)),
            )
        return value

    def route(self, key: str, pools: set[str]) -> tuple[str, ...]:
        names = self.lines(key)
        if not names:
            self.fail(key, f"{_show(self.at)} has no {key}", 'add route = ["name of a pool"]')
        if len(set(names)) < len(names):
            self.fail(key, f"{key} names a pool twice", "name each pool once")
        return tuple(self.refers(key, name, pools) for name in names)

    def lines(self, key: str) -> tuple[str, ...]:
        values = self.values.get(key, [])
        if not isinstance(values, list) or not all(
            isinstance(v, str) and v.isprintable() for v in values
        ):
            self.fail(key, f"{key} must be a list of lines of text", f'write {key} = ["…", "…"]')
        return tuple(values)

    def number(
        self,
        key: str,
        default: T,
        *,
        low: float = 0.0,
        high: float = 1e12,
        above: float | None = None,
    ) -> float | T:
        """A finite number within [low, high], and over `above` where that is given."""
        if key not in self.values:
            return default
        value = self.decimal(key)
        if not Decimal(low) <= value <= Decimal(high) or (above is not None and value <= above):
            least = f"more than {above:g}" if above is not None else f"at least {low:g}"
            self.fail(
                key,
                f"{key} = {_brief(value)} must be {least} and at most {high:g}",
                f"correct {key}, or leave it out",
            )
        return float(value)

    def count(self, key: str, default: T, *, low: int = 1, high: int = 10**9) -> int | T:
        """A whole number within [low, high]."""
        if key not in self.values:
            return default
        value = self.values[key]
        if not isinstance(value, int) or isinstance(value, bool):
            self.fail(
                key, f"{key} must be a whole number, not {_kind(value)}", f"write {key} = {low}"
            )
        if not low <= value <= high:
            self.fail(
                key,
                f"{key} = {_brief(Decimal(value))} must be {low} to {high}",
                f"correct {key}, or leave it out",
            )
        return value

    def decimal(self, key: str) -> Decimal:
        value = self.values[key]
        if not isinstance(value, int | Decimal) or isinstance(value, bool):
            self.fail(key, f"{key} must be a number, not {_kind(value)}", f"write {key} = 1.0")
        number = Decimal(value)
        if not number.is_finite():
            self.fail(
                key,
                f"{key} must be a finite number, not {number}",
                "leave the key out if it is not known",
            )
        return number

    def uusd(self, key: str, default: T) -> int | T:
        """An amount of USD as an exact int of micro-USD."""
        if key not in self.values:
            return default
        usd = self.decimal(key)
        if not 0 <= usd <= MAX_USD:
            self.fail(key, f"{key} = {_brief(usd)} must be 0 to 1e12", f"correct {key}")
        uusd = _exact_uusd(usd)
        if uusd is None:
            self.fail(key, f"{key} is finer than one micro-USD", "use at most six decimals")
        return uusd

    def prices(self, key: str) -> Prices | None:
        """USD per million tokens by meter; a meter left out has the price of its kind."""
        if key not in self.values:
            return None
        t = _Table(self.reader, (*self.at, key), self.values[key], Prices.__struct_fields__)
        inp = t.required(t.uusd("input", None), "input")
        out = t.required(t.uusd("output", None), "output")
        return Prices(
            input=inp,
            cached_input=t.uusd("cached_input", inp),
            cache_write=t.uusd("cache_write", inp),
            output=out,
            reasoning=t.uusd("reasoning", out),
            audio_in=t.uusd("audio_in", inp),
            audio_out=t.uusd("audio_out", out),
            image_in=t.uusd("image_in", inp),
        )

    def date(self, key: str) -> date | None:
        value = self.values.get(key)
        if value is not None and (not isinstance(value, date) or isinstance(value, datetime)):
            self.fail(key, f"{key} must be a date, not {_kind(value)}", f"write {key} = 2026-06-01")
        return value

    def timezone(self, key: str, default: T) -> str | T:
        value = self.text(key, default)
        if isinstance(value, str) and not _is_timezone(value):
            self.fail(key, f"unknown time zone {value!r}", "use an IANA name: Europe/Berlin, UTC")
        return value

    def address(self, key: str, default: str) -> str:
        value = self.text(key, default)
        found = ADDRESS.fullmatch(value)
        if not found or int(found[2]) > 65535:
            self.fail(key, f"{key} {value!r} is not host:port", f'write {key} = "{default}"')
        return value

    def url(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not URL.fullmatch(value):
            # The value is not shown: people paste keys into URLs.
            self.fail(
                key,
                f"{key} is not a plain http:// or https:// URL",
                "write it without user, password and query: http://10.0.0.5:8000/v1",
            )
        return value.rstrip("/") if value is not None else None

    def path(self, key: str, base: Path) -> str | None:
        value = self.word(key, None)
        return value if value is None or value == DEMO else str(base / value)

    def env_name(self, key: str) -> str | None:
        value = self.text(key, None)
        if value is not None and not ENV_NAME.fullmatch(value):
            # The value is not shown: it may be the key itself.
            self.fail(
                key,
                f"{key} must be the name of an environment variable, never the key",
                f'write {key} = "CLOUD_API_KEY" and export that variable',
            )
        return value


def _keys_of(record: type[msgspec.Struct]) -> list[str]:
    """The keys of a table are the fields of its record; money is written in USD."""
    return [field.replace("uusd_", "usd_") for field in record.__struct_fields__]


def _exact_uusd(usd: Decimal) -> int | None:
    """Micro-USD of an amount in [0, 1e12] USD, or None if it is finer than that."""
    if usd and usd.adjusted() < -6:
        return None  # before the exact division, which would write every zero of 1e-999999999
    try:
        return usd_to_uusd(usd)
    except ValueError:
        return None


def _is_timezone(name: str) -> bool:
    if name == "UTC":
        return True
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _show(at: Key) -> str:
    """`pool[1].usd_per_mtok` as a person would say it: `pool 2 usd_per_mtok`."""
    return " ".join(str(part + 1) if isinstance(part, int) else part for part in at)


def _brief(value: Decimal) -> str:
    """A number for a message, however many digits it was written with."""
    text = str(value)
    return text if len(text) <= 24 else text[:20] + "…"


def _kind(value: object) -> str:
    kinds = {
        bool: "true or false",
        int: "a number",
        Decimal: "a number",
        str: "text",
        list: "a list",
        dict: "a table",
        date: "a date",
        datetime: "a date with a time",
    }
    return kinds.get(type(value), "a time")


def _parse_toml(text: str, place: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text, parse_float=_decimal)
    except RecursionError:
        raise FactoryError(
            "tables are nested too deep", hint="a factory file has two levels", place=f"{place}:1"
        ) from None
    except ValueError as error:
        message = str(error)
        found = re.search(r" \(at line (\d+), column \d+\)$", message)
        last = text.count("\n") + 1
        line = int(found[1]) if found else last
        raise FactoryError(
            "not TOML: " + re.sub(r" \(at [^)]*\)$", "", message),
            hint="a factory file is TOML: [site], [[pool]], key = value",
            place=f"{place}:{line}",
        ) from None


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except ArithmeticError:
        return Decimal("Infinity")  # an exponent beyond all bounds; refused where it is read


TOKEN = re.compile(
    r'''"""(?:\\.|[^\\])*?"""(?:"{0,2})|\'\'\'.*?\'\'\'(?:'{0,2})|"(?:\\.|[^"\\\n])*"|'[^'\n]*\''''
    r"""|\#[^\n]*|[\[\]{}=,\n]|[^\s\[\]{}=,"'\#]+""",
    re.DOTALL,
)


def _lines(text: str) -> dict[Key, int]:
    """The line of every table and key of a valid TOML text; keys inside a value have none."""
    line_of: dict[Key, int] = {}
    last_of: dict[Key, int] = {}
    table: Key = ()
    for line, tokens in _statements(text):
        if tokens[0] != "[":
            key = _key_parts(tokens[: tokens.index("=")])
            for n in range(1, len(key) + 1):
                line_of.setdefault((*table, *key[:n]), line)
            continue
        parts = _key_parts(t for t in tokens if t not in "[]")
        table = (*_resolve(parts[:-1], last_of), parts[-1])
        if tokens[1] == "[":
            line_of.setdefault(table, line)
            last_of[table] = last_of.get(table, -1) + 1
        table = _resolve(parts, last_of)
        line_of.setdefault(table, line)
    return line_of


def _statements(text: str) -> Iterator[tuple[int, list[str]]]:
    """The logical lines: a header, or a key with its value however many lines that takes."""
    line, start, depth = 1, 1, 0
    tokens: list[str] = []
    for match in TOKEN.finditer(text.replace("\r\n", "\n") + "\n"):
        token = match[0]
        if token == "\n" and depth == 0:
            if tokens:
                yield start, tokens
            tokens = []
        elif token != "\n" and token[0] != "#":
            start = start if tokens else line
            tokens.append(token)
            depth += (token in "[{") - (token in "]}")
        line += token.count("\n")


def _key_parts(tokens: Iterable[str]) -> Key:
    """`a . "b c".d` as its parts."""
    parts: list[str] = []
    for token in tokens:
        parts += [token[1:-1]] if token[0] in "\"'" else [p for p in token.split(".") if p]
    return tuple(parts)


def _resolve(parts: Key, last_of: dict[Key, int]) -> Key:
    """A header's path with the running index of every list of tables on its way."""
    path: Key = ()
    for part in parts:
        path = (*path, part)
        if path in last_of:
            path = (*path, last_of[path])
    return path
