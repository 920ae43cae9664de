"""AWS SAM templates: expanded into CloudFormation by AWS's own translator, where that is installed (`auditor[sam]`)."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from auditor.errors import Mistake, Place, SourceError
from auditor.files import Document
from auditor.files.document import Spot
from auditor.model import Json

SAM = "AWS::Serverless-2016-10-31"
INSTALL = "What it makes of AWS::Serverless resources is known with `pip install 'auditor[sam]'`."
# A nested stack of the Serverless Application Repository: it changes nothing beside it, and the translator would ask AWS.
_APPLICATION = "AWS::Serverless::Application"


def is_serverless(value: Json) -> bool:
    """Tell whether a template has resources that only SAM can expand."""
    if not isinstance(value, Mapping) or not isinstance(value.get("Resources"), Mapping):
        return False
    said = value.get("Transform")
    return SAM in (said if isinstance(said, list) else [said]) and any(_types(value["Resources"]))


def _types(resources: Mapping[str, Json]) -> Iterator[str]:
    for one in resources.values():
        kind = one.get("Type") if isinstance(one, Mapping) else None
        if isinstance(kind, str) and kind.startswith("AWS::Serverless::") and kind != _APPLICATION:
            yield kind


def expanded(document: Document, given: Mapping[str, str], region: str) -> Document | None:
    """Return the template as SAM expands it, or `None` when the translator is not installed. Raises `SourceError`.

    What SAM makes stands where the resource does that it is made of.
    """
    try:
        from samtranslator.model.exceptions import InvalidDocumentException  # type: ignore[import-untyped,import-not-found,unused-ignore]
        from samtranslator.parser.parser import Parser  # type: ignore[import-untyped,import-not-found,unused-ignore]
        from samtranslator.translator.translator import Translator  # type: ignore[import-untyped,import-not-found,unused-ignore]
    except ImportError:
        return None
    written = copy.deepcopy(document.value)
    resources = written["Resources"]
    written["Resources"] = {
        name: one
        for name, one in resources.items()
        if not (isinstance(one, Mapping) and one.get("Type") == _APPLICATION) and not name.startswith("Fn::")
    }
    # The translator asks its session for nothing but the Region.
    session: Any = SimpleNamespace(region_name=region)
    try:
        made = Translator({}, Parser(), boto_session=session).translate(written, dict(given))
    except InvalidDocumentException as error:
        raise SourceError(list(_mistakes(error, document))) from None
    left = {name: one for name, one in resources.items() if name.startswith("Fn::")}
    return _placed(document, {**document.value, **made, "Resources": {**made["Resources"], **left}})


def _mistakes(error: Any, document: Document) -> Iterator[Mistake]:
    for cause in error.causes:
        logical = getattr(cause, "_logical_id", "") or ""
        place = document.key_place(("Resources", logical)) if logical else Place(document.file, 1)
        yield Mistake(place, f"SAM cannot expand this template: {str(cause.message).rstrip('.')}.")


def _placed(document: Document, value: Mapping[str, Json]) -> Document:
    """Return the expanded template with the places of what it was made of."""
    spot = document.spot
    top = dict(spot.parts or {})
    old = top.get("Resources", Spot())
    known = old.parts or {}
    before = document.value["Resources"]
    parts = {}
    for name, one in value["Resources"].items():
        origin = name if name in known else _origin(name, before)
        found = known.get(origin, old)
        same = name in before and before[name].get("Type") == one.get("Type")
        parts[name] = found if same else Spot(found.line, found.column, found.key_line, found.key_column)
    top["Resources"] = Spot(old.line, old.column, old.key_line, old.key_column, dict(parts))
    return Document(dict(value), document.file, Spot(spot.line, spot.column, parts=top))


def _origin(name: str, before: Mapping[str, Json]) -> str:
    """Return the logical id that the id of a made resource begins with: `OnExportRole` is made of `OnExport`."""
    return max((one for one in before if name.startswith(one)), key=len, default="")
