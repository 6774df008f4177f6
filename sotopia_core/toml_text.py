"""Options written as a run file would write them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from pydantic import JsonValue


def written(value: JsonValue) -> str:
    """Write a JSON value as TOML, which has no null: ``ValueError`` where there is one."""
    match value:
        case bool() | int():
            return json.dumps(value)
        case float():
            return repr(value) if math.isfinite(value) else str(value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list():
            return f"[{', '.join(map(written, value))}]"
        case dict():
            return f"{{{', '.join(f'{written(key)} = {written(one)}' for key, one in value.items())}}}"
    raise ValueError("TOML has no null; an option that is not given is left out")


def table(options: Mapping[str, JsonValue]) -> str:
    """Write options one a line; those that are None are left out."""
    return "".join(f"{name} = {written(value)}\n" for name, value in options.items() if value is not None)
