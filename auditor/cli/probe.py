"""`auditor probe`: send one small object through a pipeline, watch it arrive, and remove it again."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from auditor.cli.options import lang_option, language, pipelines_argument

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline
    from auditor.probe import Hop, Probe


@click.command("probe")
@pipelines_argument
@click.option("--pipeline", "name", metavar="NAME", help="Which one, where the files declare several.")
@click.option(
    "--timeout",
    type=click.FloatRange(min=1),
    default=900.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to watch.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--clean", "only_clean", is_flag=True, help="Only remove what earlier probes left.")
@click.option(
    "--state-dir", type=click.Path(path_type=Path), metavar="DIR", help="Where probes under way are remembered."
)
@lang_option
def probe_command(
    pipelines: tuple[Path, ...],
    name: str | None,
    timeout: float,
    yes: bool,
    only_clean: bool,
    state_dir: Path | None,
    lang: str | None,
) -> int:
    """Write one multipart object under the export prefix, watch its replica, and delete every version of it.

    Exit 0: it arrived; 1: it did not; 3: nobody can tell; 4: something of it is left.
    """
    from auditor.aws import Aws
    from auditor.pipeline import load
    from auditor.probe import planned, remembered
    from auditor.remedy.journal import folder

    declared = {one.name: one for one in load(pipelines)}
    state = folder(state_dir).parent
    ja = language(lang) == "ja"
    with Aws() as aws:
        if only_clean:
            return max([0, *(_removed(one, aws, ja=ja) for one in tuple(remembered(declared, state)))])
        return _sent(planned(_chosen(declared, name), state), aws, timeout, ja=ja, yes=yes)


def _chosen(declared: dict[str, Pipeline], name: str | None) -> Pipeline:
    from auditor.errors import UsageError
    from auditor.files import did_you_mean

    if name is None and len(declared) == 1:
        return next(iter(declared.values()))
    if name is None:
        raise UsageError("The files declare several pipelines.", f"Say --pipeline with one of {', '.join(declared)}.")
    if name not in declared:
        raise UsageError(f"There is no pipeline `{name}`.", did_you_mean(name, declared).strip())
    return declared[name]


def _sent(probe: Probe, aws: Aws, timeout: float, *, ja: bool, yes: bool) -> int:
    from auditor.errors import UsageError
    from auditor.probe import drawn, send, verdict
    from auditor.render.display import plain

    what = f"s3://{probe.source.id}/{probe.key}"
    click.echo(
        plain(f"1 個の小さなオブジェクトを書き込みます: {what}" if ja else f"One small object will be written: {what}"),
        err=True,
    )
    click.echo(
        "通知の対象になるため、コンシューマーが起動することがあります。終わったら両側の全バージョンを削除します。"
        if ja
        else "The consumer may be woken by it. Every version of it is deleted on both sides afterwards.",
        err=True,
    )
    if not yes:
        if not sys.stdin.isatty():
            raise UsageError("Nothing was written: there is no terminal to ask on.", "Say --yes to send the probe.")
        click.confirm("送信しますか?" if ja else "Send it?", abort=True, err=True)

    def tell(hop: Hop) -> None:
        click.echo(plain(f"  {hop.name}: {hop.state} {hop.seconds:.1f} s, {hop.said}"), err=True)

    code = 3
    try:
        done = send(probe, aws, timeout=timeout, tell=tell)
        click.echo(plain(drawn(done)))
        code = verdict(done)
    finally:
        left = _removed(probe, aws, ja=ja)
    return left or code


def _removed(probe: Probe, aws: Aws, *, ja: bool) -> int:
    from auditor.probe import clean
    from auditor.render.display import plain

    left = clean(probe, aws)
    for said in left:
        click.echo(plain(f"削除できませんでした: {said}" if ja else f"Not removed: {said}"), err=True)
    if left:
        click.echo("auditor probe --clean でやり直せます。" if ja else "Try again: auditor probe --clean", err=True)
    return 4 if left else 0
