"""Strict YAML and JSON with positions, schema mistakes in plain sentences, and files read and written safely."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.files.disk import TEXT_BYTES, read_bytes, read_text, shipped, write_atomic, writing
from auditor.files.document import Document, closest, did_you_mean, path_of, route_of, shown
from auditor.files.json_text import parse_json
from auditor.files.schema import schema_mistakes
from auditor.files.yaml_text import Tag, parse_yaml
from auditor.model import EMPTY

if TYPE_CHECKING:
    from importlib.abc import Traversable

JSON_BYTES = 256_000_000

__all__ = [
    "Document",
    "closest",
    "did_you_mean",
    "load_json",
    "load_yaml",
    "parse_json",
    "parse_yaml",
    "path_of",
    "read_bytes",
    "read_text",
    "route_of",
    "schema_mistakes",
    "shipped",
    "shown",
    "write_atomic",
    "writing",
]


def load_yaml(
    path: Path | Traversable, *, name: str | None = None, tags: Mapping[str, Tag] = EMPTY, any_keys: bool = False
) -> Document:
    """Return a YAML file of at most 10 MB as `parse_yaml` does; mistakes call it `name`. Raises `InputError`."""
    file = name or str(path)
    return parse_yaml(read_text(path, limit=TEXT_BYTES, name=file), file, tags=tags, any_keys=any_keys)


def load_json(path: Path | Traversable, *, name: str | None = None, places: bool = True) -> Document:
    """Return a JSON file of at most 256 MB as `parse_json` does. Raises `InputError`."""
    file = name or str(path)
    return parse_json(read_text(path, limit=JSON_BYTES, name=file), file, places=places)
