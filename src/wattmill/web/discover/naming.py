"""What the catalog calls a model that an engine or a file calls by a name of its own."""

import re
from typing import Any

from wattmill.catalog.models import model as catalog_model
from wattmill.catalog.precision import WEIGHT_BITS
from wattmill.core.errors import CatalogError
from wattmill.web.discover.records import Served

EMBROIDERY = re.compile(
    r"[-_.](gguf|instruct|chat|it|hf|latest|v\d+(\.\d+)*|\d{4}|\d{5}-of-\d{5}|ud|bf16|fp16|f16|f32|fp8"
    r"|awq|gptq|nvfp4|mxfp4|(i?q\d)(_[a-z0-9]+)*)$"
)
"""What people append to the name of a model without changing its shape."""


def served_as(own: str, **told: Any) -> Served:
    """A model by its own name, with what else was told of it."""
    model, known = catalog_name(own)
    return Served(own, model, known, **told)


def catalog_name(own: str) -> tuple[str, bool]:
    """What the catalog calls a model, if it is surely one of its models; else its own name."""
    base = own.replace("\\", "/").rstrip("/").rpartition("/")[2]
    name = re.sub(r"\.gguf$|:latest$", "", base, flags=re.I).replace(":", "-")
    shorter = name.lower().removeprefix("meta-")
    while True:
        try:
            return catalog_model(shorter).name, True
        except CatalogError:
            less = EMBROIDERY.sub("", shorter)
        if less == shorter:
            return name or own, False
        shorter = less


def precision_of(told: Any) -> str | None:
    """A precision that the catalog knows, by any of its spellings."""
    name = str(told).lower().removeprefix("mostly ").strip()
    return name if name in WEIGHT_BITS else None
