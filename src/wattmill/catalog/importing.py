"""A model of the user's own: read from its files, written as a row of the user's catalog file.

`read_model` takes a Hugging Face folder, a `config.json` or a GGUF file. Weights are counted in the
heads of the safetensors or GGUF files where they are there, else from the shape, which is said.
Nothing but heads is read, and no file of the model is written.
"""

from __future__ import annotations

import json
import re
import struct
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from wattmill.catalog.formats.config import Config
from wattmill.catalog.formats.gguf import is_gguf, read_gguf
from wattmill.catalog.formats.gguf_shape import read_shape
from wattmill.catalog.formats.hf import Read, read_config
from wattmill.catalog.formats.precision import quantised_by_modelopt
from wattmill.catalog.models import ModelSpec, models, possible
from wattmill.catalog.names import plain
from wattmill.core.errors import CatalogError

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")
MAX_JSON_BYTES = 64 * 2**20
WHOLE_TYPES = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
"""Types of safetensors in which one element is one weight."""
DISAGREEMENT_FRAC = 0.03


class Imported(msgspec.Struct, frozen=True):
    """A row for the catalog, and what a person should know of how it was read."""

    model: ModelSpec
    notes: tuple[str, ...]


def read_model(path: Path, as_of: str, name: str | None = None) -> Imported:
    """The model at `path`; CatalogError with file, key and value if it is none.

    path: a folder with a config.json, that file, or a GGUF file. as_of: the day, as it stands in
    the row. name: None takes the file's own.
    """
    file = _file(path)
    read = read_shape(read_gguf(file)) if is_gguf(file) else _read_folder(file)
    chosen = name or _name_of(file)
    if not NAME.fullmatch(chosen):
        hint = "give one with --name: a-z, 0-9, '.', '_' and '-'"
        raise CatalogError(f"{chosen[:100]!r} is no name for a model", hint=hint, place=str(file))
    return _imported(read, chosen, file, as_of)


def _imported(read: Read, name: str, file: Path, as_of: str) -> Imported:
    fields = dict(read.fields)
    counted = fields.pop("params", None)
    source = f"{file.name} of {name}"
    base = {"name": name, "source": source, "as_of": as_of, "params": 1.0}
    shape = msgspec.convert({**base, **fields, "encoder_params": 0.0}, ModelSpec)
    total = shape.shape_params + fields.get("encoder_params", 0.0)
    spec = msgspec.structs.replace(
        _without_defaults(shape),
        params=counted or total,
        encoder_params=fields.get("encoder_params", 0.0),
        confidence="high" if counted else "medium",
    )
    notes = [*read.notes, *_doubts(counted, total)]
    return Imported(possible(_named_family(spec), str(file)), tuple(notes))


def _without_defaults(m: ModelSpec) -> ModelSpec:
    """The same shape, saying only what does not follow from the rest of it."""
    follows = {
        "attention_layers": m.layers - m.state_layers,
        "mlp_layers": m.layers - m.moe_layers,
        "kv_layers": m.attention_layer_count,
        "value_dim": m.head_dim,
        "expert_width": m.hidden,
    }
    said = {name: None for name, value in follows.items() if getattr(m, name) == value}
    return msgspec.structs.replace(m, **said)


def _doubts(counted: float | None, total: float) -> Iterable[str]:
    if counted is None:
        yield "the weights are not here; they are counted from the shape"
    elif abs(counted - total) > DISAGREEMENT_FRAC * counted:
        yield (
            f"the files hold {_billions(counted)} weights, the shape has {_billions(total)};"
            " taken is what the files hold"
        )


def _named_family(spec: ModelSpec) -> ModelSpec:
    """The family of a model of the catalog with the same shape, so that derivatives share it."""
    same = [m for m in models() if _outline(m) == _outline(spec)]
    return msgspec.structs.replace(spec, family=same[0].family) if same else spec


def _outline(m: ModelSpec) -> tuple[int, ...]:
    shape = (m.layers, m.hidden, m.heads, m.kv_heads, m.head_dim, m.mlp_hidden)
    return (*shape, m.experts, m.expert_hidden, m.state_layers, m.window_layers)


def imported_text(imported: Imported) -> str:
    """What was read, for a person."""
    m = imported.model
    lines = [
        f"{m.name}: {m.kind} for {m.modality}, of the family {m.family}",
        f"  weights    {_billions(m.params)}, of which a token meets {_billions(m.active_params)}",
        f"  precision  {m.default_precision}",
        f"  layers     {m.layers}",
        *(f"             {text}" for text in _layers_text(m)),
        f"  keeps      {_kept_text(m)}",
        f"  context    {m.max_context_tokens:,} tokens; vocabulary {m.vocab:,}",
    ]
    return "\n".join(lines + [f"  note       {note}" for note in imported.notes])


def _billions(params: float) -> str:
    if params < 1e8:
        return f"{params / 1e6:.3g} million"
    return f"{params / 1e9:,.0f} billion" if params >= 1e12 else f"{params / 1e9:.3g} billion"


def _layers_text(m: ModelSpec) -> list[str]:
    attending = f"{m.attention_layer_count} attend with {m.heads} heads on {m.kv_heads} KV heads"
    parts = [
        (m.attention_layer_count, attending + f" of {m.head_dim}"),
        (m.window_layers, f"{m.window_layers} of them in windows of {m.window_tokens} tokens"),
        (m.cross_layers, f"{m.cross_layers} attend to {m.cross_tokens} states of an encoder"),
        (m.state_layers, f"{m.state_layers} keep a state"),
        (m.mlp_layer_count, f"{m.mlp_layer_count} have an MLP of {m.mlp_hidden}"),
        (
            m.moe_layers,
            f"{m.moe_layers} choose {m.experts_per_token} of {m.experts} experts of {m.expert_hidden}",
        ),
    ]
    return [text for count, text in parts if count]


def _kept_text(m: ModelSpec) -> str:
    per_token = 2 * (m.full_kv_elements_per_token + m.window_kv_elements_per_token)
    state = m.state_elements_per_sequence * m.state_bits / 8
    parts = [f"{per_token / 1024:,.4g} KiB of 16-bit KV per token"] if per_token else []
    parts += [f"{state / 2**20:,.3g} MiB of states per sequence"] if state else []
    return ", ".join(parts) or "nothing between tokens"


# --- files ----------------------------------------------------------------------------------------


def _file(path: Path) -> Path:
    """The file that says what the model is."""
    if path.is_dir():
        if (path / "config.json").is_file():
            return path / "config.json"
        ggufs = sorted(path.glob("*.gguf"))
        if ggufs:
            return ggufs[0]
        hint = "name the folder of a Hugging Face model, its config.json, or a GGUF file"
        raise CatalogError("has neither a config.json nor a GGUF file", hint=hint, place=str(path))
    if not path.is_file():
        hint = "name a folder with a config.json, that file, or a GGUF file"
        raise CatalogError("there is no such file", hint=hint, place=str(path))
    return path


def _name_of(file: Path) -> str:
    """A name from the folder, or from the file where that says nothing."""
    if file.name == "config.json":
        base = file.resolve().parent.name
    else:
        base = re.sub(r"-\d{5}-of-\d{5}$", "", re.sub(r"_?config$", "", file.stem))
    base = base.rpartition("--")[2]  # as caches write it: models--publisher--name
    return re.sub(r"[^a-z0-9._-]+", "-", base.lower()).strip("-._")


def _read_folder(file: Path) -> Read:
    values = _json(file)
    read = read_config(values, str(file))
    fields, notes = dict(read.fields), list(read.notes)
    beside = file.with_name("hf_quant_config.json")
    if beside.is_file() and "quantization_config" not in values:
        fields["default_precision"] = (
            quantised_by_modelopt(Config(_json(beside), str(beside))) or fields["default_precision"]
        )
        notes = [note for note in notes if not note.startswith("precision assumed")]
    counted = count_weights(file.parent, fields["layers"])
    if counted is not None:
        fields["params"], towers = counted
        if fields.get("encoder_params") and towers:
            fields["encoder_params"] = towers
            notes = [note for note in notes if "counted from its shape" not in note]
    return Read(fields, tuple(notes))


def _json(file: Path) -> dict[str, Any]:
    """An object from a JSON file, with the numbers that Python's writer leaves in it (Infinity)."""
    try:
        raw = file.read_bytes() if file.stat().st_size <= MAX_JSON_BYTES else b""
    except OSError as error:
        hint = "name a file that can be read"
        raise CatalogError(str(error.strerror or error), hint=hint, place=str(file)) from None
    try:
        values = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        hint = "name a model's config.json or a GGUF file"
        raise CatalogError(f"is not JSON: {error}"[:200], hint=hint, place=str(file)) from None
    if not isinstance(values, dict):
        hint = "a config.json is an object: {…}"
        raise CatalogError("is JSON, but no object", hint=hint, place=str(file))
    return values


# --- weights in safetensors -----------------------------------------------------------------------

TOWERS = re.compile(r"(^|\.)(vision|visual|image|audio|multi_modal|mm_|vit|mlp1|vpm|resampler)")


def count_weights(folder: Path, layers: int) -> tuple[float, float] | None:
    """All weights in the safetensors of a folder, and those of towers; None if they do not tell.

    They do not tell when a format packs several weights into one element. Scales, and the layers
    behind the last (prediction heads), are left out.
    """
    total = towers = 0
    files = sorted(folder.glob("*.safetensors"))
    for file in files:
        for name, tensor in _tensors(file).items():
            if _is_scale(name) or _is_behind(name, layers):
                continue
            if tensor["dtype"] not in WHOLE_TYPES:
                return None
            elements = _elements(tensor["shape"])
            total += elements
            towers += elements if TOWERS.search(name) else 0
    return (float(total), float(towers)) if _complete(folder, files) and total else None


def _complete(folder: Path, files: list[Path]) -> bool:
    """Whether no part of a split checkpoint is missing."""
    for file in files:
        found = re.fullmatch(r".*-\d+-of-(\d+)\.safetensors", file.name)
        if found and len(files) < int(found[1]):
            return False
    return True


def _is_scale(name: str) -> bool:
    return name.endswith(("_scale", "_scale_inv", "_scale_2", ".scale", "inv_freq"))


def _is_behind(name: str, layers: int) -> bool:
    found = re.match(r"(?:model\.)?(?:language_model\.)?(?:model\.)?layers\.(\d{1,6})\.", name)
    return name.startswith("mtp.") or (found is not None and int(found[1]) >= layers)


def _elements(shape: list[int]) -> int:
    elements = 1
    for width in shape:
        elements *= width
    return elements


def _tensors(file: Path) -> dict[str, dict[str, Any]]:
    """Types and shapes in the head of a safetensors file."""
    try:
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            if length > min(MAX_JSON_BYTES, file.stat().st_size):
                raise ValueError("the head is longer than the file")
            head = json.loads(opened.read(length))
        return {name: _tensor(t) for name, t in head.items() if name != "__metadata__"}
    except (OSError, ValueError, AttributeError, struct.error, RecursionError) as error:
        hint = "download the file again, or import the config.json from a folder of its own"
        raise CatalogError(
            f"is no safetensors file: {error}"[:200], hint=hint, place=str(file)
        ) from None


def _tensor(tensor: Any) -> dict[str, Any]:
    shape = tensor.get("shape")
    if not isinstance(tensor.get("dtype"), str) or not isinstance(shape, list):
        raise ValueError("a tensor has no dtype or shape")
    if not all(isinstance(n, int) and 0 <= n < 2**40 for n in shape) or len(shape) > 8:
        raise ValueError(f"a tensor has the shape {str(shape)[:60]}")
    return {"dtype": tensor["dtype"], "shape": shape}


# --- the user's catalog file ----------------------------------------------------------------------


def row_text(spec: ModelSpec) -> str:
    """The row as a `[[model]]` table; fields that have their default are left out."""
    lines = ["[[model]]"]
    for field in msgspec.structs.fields(spec):
        value = getattr(spec, field.name)
        if value is not None and value != field.default:
            lines.append(f"{field.name} = {_toml(value)}")
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, tuple):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    return str(int(value)) if float(value).is_integer() else repr(value)


def append_model(catalog: Path, spec: ModelSpec, *, replace: bool = False) -> None:
    """Write the row into the user's catalog file, which is made if it is not there.

    A row of the same name, in the file or in the package, stays as it is and is a CatalogError,
    unless `replace`. Everything else in the file, comments too, is kept.
    """
    text = _catalog_text(catalog)
    mine = _rows(text, catalog)
    if not replace:
        _refuse_known(spec, mine, catalog)
    kept = _without(text, spec.name, mine, catalog)
    joint = "\n" if kept.strip() else ""
    _write(catalog, kept.rstrip("\n") + "\n" * bool(joint) + joint + row_text(spec))


def _refuse_known(spec: ModelSpec, mine: list[Mapping[str, Any]], catalog: Path) -> None:
    hint = "give another with --name, or take the new row with --replace"
    if any(_is_named(row, spec.name) for row in mine):
        message = f"there is a model {spec.name!r} already"
        raise CatalogError(message, hint=hint, place=str(catalog))
    if any(plain(spec.name) in (plain(m.name), *map(plain, m.aliases)) for m in models()):
        raise CatalogError(f"wattmill's own catalog has a model {spec.name!r}", hint=hint)


def _is_named(row: Mapping[str, Any], name: str) -> bool:
    return plain(str(row.get("name", ""))) == plain(name)


def _catalog_text(catalog: Path) -> str:
    try:
        return catalog.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        hint = "make it readable, or name another with --catalog"
        raise CatalogError(
            f"cannot be read: {error.strerror}", hint=hint, place=str(catalog)
        ) from None
    except UnicodeDecodeError:
        raise CatalogError(
            "is not UTF-8 text", hint="save it as UTF-8", place=str(catalog)
        ) from None


def _rows(text: str, catalog: Path) -> list[Mapping[str, Any]]:
    try:
        rows = tomllib.loads(text).get("model", [])
    except (ValueError, RecursionError) as error:
        hint = "mend it, or name another with --catalog"
        raise CatalogError(f"is not TOML: {error}"[:200], hint=hint, place=str(catalog)) from None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        hint = "begin each model with [[model]]"
        raise CatalogError("'model' is not a list of tables", hint=hint, place=str(catalog))
    return rows


def _without(text: str, name: str, mine: list[Mapping[str, Any]], catalog: Path) -> str:
    """The file's text without the row of that name."""
    numbers = [n for n, row in enumerate(mine) if _is_named(row, name)]
    if not numbers:
        return text
    kept = _cut(text.splitlines(keepends=True), numbers)
    rest = [row for n, row in enumerate(mine) if n not in numbers]
    try:
        same = _rows(kept, catalog) == rest
    except CatalogError:
        same = False
    if not same:
        hint = f"remove the [[model]] {name!r} by hand, then import again"
        raise CatalogError("cannot tell where the old row ends", hint=hint, place=str(catalog))
    return kept


def _cut(lines: list[str], numbers: list[int]) -> str:
    """The lines without the `[[model]]` tables of those numbers."""
    kept, number, inside = [], -1, False
    for line in lines:
        if re.match(r"\s*\[", line):
            is_model = re.match(r"\s*\[\[\s*model\s*\]\]", line) is not None
            number += is_model
            inside = is_model and number in numbers
        if not inside:
            kept.append(line)
    return "".join(kept)


def _write(catalog: Path, text: str) -> None:
    """Whole or not at all."""
    new = catalog.with_name(catalog.name + ".new")
    try:
        catalog.parent.mkdir(parents=True, exist_ok=True)
        new.write_text(text, encoding="utf-8")
        new.replace(catalog)
    except OSError as error:
        hint = "name a file that can be written with --catalog"
        raise CatalogError(
            f"cannot be written: {error.strerror}", hint=hint, place=str(catalog)
        ) from None
