"""`auditor demo`: the whole story, told with the commands that a user would type."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from auditor.cli import phrases
from auditor.cli.options import coloured, lang_option, language


@click.command("demo")
@lang_option
@click.option(
    "--keep", type=click.Path(path_type=Path, file_okay=False), metavar="DIR", help="Leave the files of the demo here."
)
def demo_command(lang: str | None, keep: Path | None) -> int:
    """Build a mis-set pipeline on an embedded AWS stand-in, audit it, mend it, and audit it again."""
    try:
        import moto  # noqa: F401
    except ImportError as error:
        from auditor.errors import UsageError

        raise UsageError("The demo needs moto, which is not installed.", "pip install 'auditor[demo]'.") from error
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        return _tell(keep, language(lang))
    with tempfile.TemporaryDirectory(prefix="auditor-demo-") as folder:
        return _tell(Path(folder), language(lang))


def _tell(folder: Path, lang: str) -> int:
    from auditor.demo import by_hand, stage

    _say(phrases.STAGING.say(lang))
    with stage(folder) as clients:
        _type(folder, lang, "audit")
        _say(phrases.MENDING.say(lang))
        _type(folder, lang, "audit", "--fix=review", "--yes", "--quiet")
        _say(phrases.OWNERS.say(lang))
        by_hand(clients)
        return _type(folder, lang, "audit")


def _type(folder: Path, lang: str, verb: str, *options: str) -> int:
    from auditor.cli import cli

    click.echo(click.style(f"\n$ auditor {verb} pipeline.yaml {' '.join(options)}".rstrip(), bold=coloured()))
    words = [verb, str(folder / "pipeline.yaml"), *options, "--lang", lang, "--state-dir", str(folder / "state")]
    code = cli.main(args=words, prog_name="auditor", standalone_mode=False)
    click.echo(phrases.EXIT.fill(code).say(lang))
    return int(code or 0)


def _say(sentence: str) -> None:
    click.echo(click.style(f"\n{sentence}", fg="cyan") if coloured() else f"\n{sentence}")
