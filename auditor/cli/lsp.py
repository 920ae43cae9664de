"""`auditor lsp`: serve editors over standard input and output."""

from __future__ import annotations

from pathlib import Path

import click

from auditor.cli.options import lang_option, language


@click.command("lsp")
@click.option(
    "--rules",
    "folders",
    multiple=True,
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Your own rules besides the shipped ones; repeatable.",
)
@lang_option
def lsp_command(folders: tuple[Path, ...], lang: str | None) -> None:
    """Serve editors: diagnostics, hover, completion and definitions for rule, pack and pipeline files."""
    from auditor.errors import UsageError

    try:
        from auditor.lsp.server import serve
    except ModuleNotFoundError as missing:
        if missing.name is None or missing.name.partition(".")[0] not in {"pygls", "lsprotocol"}:
            raise
        raise UsageError("The language server needs pygls.", "pip install 'auditor[lsp]'") from None
    serve(folders, language(lang))
