"""One HTML file that needs nothing else: pipelines drawn, findings filtered, evidence and documents at a click."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any, TextIO

from auditor.files import shipped
from auditor.model import Report, Text
from auditor.render.format import Format, Options
from auditor.render.page_data import payload
from auditor.render.totals import closing_line
from auditor.render.words import PAGE

_SCRIPTS = ("dom", "words", "documents", "details", "findings", "diagram", "trend", "main")
"""The parts of the page's script, in the order in which they stand in it."""


def write(report: Report, stream: TextIO, options: Options) -> None:
    """Write the page: script and style are allowed by their hashes alone, and nothing is fetched."""
    stream.write(document(report, options))


def document(report: Report, options: Options) -> str:
    """Return the page."""
    from jinja2 import Environment
    from markupsafe import Markup

    style, script = _part("report.css"), "\n".join(_part(f"script/{name}.js") for name in _SCRIPTS)
    data = embedded(payload(report, options))
    parts = {
        "style": Markup(style),  # noqa: S704 - shipped with the program  # nosec B704
        "script": Markup(script),  # noqa: S704 - shipped with the program  # nosec B704
        "data": Markup(data),  # noqa: S704 - escaped by `embedded`  # nosec B704
    }
    environment = Environment(autoescape=True, keep_trailing_newline=True)
    return environment.from_string(_part("report.html")).render(
        lang=options.lang,
        word={key.removeprefix("page-").replace("-", "_"): text.say(options.lang) for key, text in PAGE.items()},
        policy=_policy(script, style),
        **parts,
        closing=closing_line(report, options.lang),
    )


def embedded(value: Any) -> str:
    """Return JSON that may stand inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _policy(script: str, style: str) -> str:
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _part(name: str) -> str:
    file = shipped("reports") / "templates"
    for step in name.split("/"):
        file = file / step
    return file.read_text("utf-8").replace("\r\n", "\n")


FORMAT = Format(
    "html",
    Text(
        "A page for people: one file, no network.",
        "ブラウザーで見るためのページです。1 ファイルで完結し、通信しません。",
    ),
    "html",
    write,
)
