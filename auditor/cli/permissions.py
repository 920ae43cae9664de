"""`auditor permissions`: the least IAM policy that a run needs."""

from __future__ import annotations

from typing import Any

import click

from auditor.cli.options import pipelines_argument, rule_options
from auditor.cli.running import load_all


@click.command("permissions")
@pipelines_argument
@rule_options
@click.option("--fix", "to_fix", is_flag=True, help="Also what --fix=review writes.")
@click.option("--probe", "to_probe", is_flag=True, help="Also what auditor probe writes, looks at and deletes.")
@click.option(
    "--format", "form", type=click.Choice(["json", "terraform", "cloudformation"]), default="json", show_default=True
)
@click.option("--account", metavar="ID|NAME", help="Only this account's policy, as a bare document.")
def permissions_command(form: str, account: str | None, *, to_fix: bool, to_probe: bool, **chosen: Any) -> None:
    """Print the least IAM policy, per account, that auditing these pipelines needs."""
    import json

    from auditor.errors import UsageError
    from auditor.files import did_you_mean
    from auditor.permissions import FORMATS, Permission, policies
    from auditor.probe import needs

    declared, rules = load_all(chosen)
    probed = declared if to_probe else ()
    more = [Permission(*one) for pipeline in probed for one in needs(pipeline)]
    documents = policies(declared, rules, to_fix=to_fix, more=more)
    if account is None:
        click.echo(FORMATS[form](documents))
        return
    names = {one.name: one.id for pipeline in declared for one in pipeline.accounts.values()}
    wanted = names.get(account, account)
    if wanted not in documents:
        raise UsageError(f"No pipeline is in account `{account}`.", did_you_mean(account, [*names, *documents]).strip())
    if form == "json":
        click.echo(json.dumps(documents[wanted], indent=2))
    else:
        click.echo(FORMATS[form]({wanted: documents[wanted]}))
