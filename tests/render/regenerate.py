"""Write the golden examples of every format: `python -m tests.render.regenerate` in the root of the repository."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import sample

from auditor.render import FORMATS, Options
from auditor.waivers import Baseline


def examples() -> Iterator[tuple[str, str]]:
    """Yield the name and content of every example file."""
    for name, format_ in FORMATS.items():
        for lang in ("en", "ja") if name in {"table", "markdown"} else ("en",):
            stream = io.StringIO()
            format_.write(sample.report(), stream, Options(lang=lang, width=100))
            yield f"{name}{'' if lang == 'en' else '.' + lang}.{format_.media}", stream.getvalue()
    yield "baseline-v1.json", Baseline.of(sample.report().findings).text()


def main() -> None:
    sample.EXAMPLES.mkdir(parents=True, exist_ok=True)
    for name, content in examples():
        (sample.EXAMPLES / name).write_bytes(content.encode())


if __name__ == "__main__":
    main()
