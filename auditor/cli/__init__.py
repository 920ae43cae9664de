"""The command line: a table of verbs, loaded when they are called, and the exit codes of DESIGN §4."""

from __future__ import annotations

import errno
import gc
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import NoReturn

import click

from auditor.version import __version__

COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("discover", "Discover pipelines in live accounts, or propose one from a template."),
    "audit": ("audit", "Read, judge and report: the gate and the nightly job."),
    "fix": ("audit", "The same as audit --fix."),
    "plan": ("remedy", "Write the fixes to a file instead of applying them."),
    "apply": ("remedy", "Apply exactly the changes of a plan file, or refuse."),
    "rollback": ("remedy", "Walk a run's journal backwards and undo it."),
    "runs": ("remedy", "List the runs that changed something."),
    "explain": ("explain", "Explain a rule or a finding, and how to fix it."),
    "snapshot": ("compare", "Keep what AWS said, to judge it again later, offline."),
    "diff": ("compare", "Compare two reports, two snapshots, or a plan with what runs."),
    "verify": ("sealing", "Judge a snapshot again and say whether a sealed report still holds."),
    "baseline": ("compare", "Write or prune the file of findings that a gate accepts for now."),
    "history": ("fleet", "Show past runs: new, fixed, recurring, since when."),
    "rules": ("rules", "List, show, test and document the rules."),
    "permissions": ("permissions", "Print the least IAM policy that a run needs."),
    "probe": ("probe", "Send one small object through a pipeline and watch it arrive."),
    "iam": ("iam", "Decide an IAM request on policy files, and say why."),
    "lsp": ("lsp", "Serve editors: diagnostics, hover and completion for rules and pipelines."),
    "demo": ("demo", "The whole story on an embedded AWS stand-in; no account needed."),
}


_WRITING = frozenset({errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EFBIG, errno.EBADF})
"""What an `OSError` without a file name says when a stream does not take what is written."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called, so that --help stays fast."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the verbs in the order of DESIGN §4."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Return a command, importing the module that holds it."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"auditor.cli.{COMMANDS[cmd_name][0]}"), cmd_name + "_command")
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command that the arguments name, or fail with "did you mean"."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from auditor.files import did_you_mean

            ctx.fail(f"There is no command `{args[0]}`.{did_you_mean(args[0], COMMANDS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the verbs with their short help, without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="auditor", message="%(prog)s %(version)s")
def cli() -> None:
    """Audit DynamoDB export → S3 event → S3 Replication pipelines on AWS, and mend them safely.

    Exit codes: 0 clean, 1 findings, 2 wrong usage or files, 3 something is unknown, 4 a fix did not complete,
    5 internal error, 130 interrupted.
    """


def main(args: list[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code; every failure is a sentence on standard error."""
    from auditor.cli.interrupts import EXIT_CODE, raising
    from auditor.cli.streams import prepare
    from auditor.errors import AuditorError

    # A process that ends soon has little garbage in circles, and looking for it among many documents takes a tenth of a run.
    gc.set_threshold(50_000, 20, 50)
    prepare()
    try:
        with raising():
            outcome = cli.main(args=args, prog_name="auditor", standalone_mode=False)
        code = outcome if isinstance(outcome, int) else 0
    except AuditorError as error:
        code = _say(str(error), error.code)
    except click.exceptions.Abort as error:
        # click turns Ctrl-C into this too, wherever it struck.
        struck = isinstance(error.__cause__, KeyboardInterrupt)
        code = _say("Interrupted." if struck else "Nothing was changed: the question was not answered.", EXIT_CODE)
    except click.ClickException as error:
        from auditor.cli.usage import lines

        code = _say("\n".join(lines(error, sys.argv[1:] if args is None else args)), 2)
    except KeyboardInterrupt:
        code = _say("Interrupted.", EXIT_CODE)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except RecursionError:
        code = _say("The input is nested too deeply to be read.", 2)
    except OSError as error:
        where = error.filename or _nameless(error)
        code = _say(f"{where}: {error.strerror or error}.", 2)
    except Exception as error:
        if os.environ.get("AUDITOR_DEBUG"):
            raise
        code = _say(
            f"Internal error: {type(error).__name__}. This is a mistake in auditor, not in your files."
            " Set AUDITOR_DEBUG=1 to see where, and report it.",
            5,
        )
    _flush()
    sys.exit(code)


def _nameless(error: OSError) -> str:
    if error.errno in _WRITING:
        return "Standard output"
    # Only the question where one is fails so without a name.
    return "The current folder" if isinstance(error, FileNotFoundError) else "A file"


def _say(sentence: str, code: int) -> int:
    from auditor.render.display import plain

    for line in sentence.splitlines():
        click.echo(plain(line), err=True)
    return code


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
