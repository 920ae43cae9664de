"""The deployment examples: each is well-formed, and calls the auditor with options that exist."""

import configparser
import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from auditor.cli.audit import audit_command
from auditor.fleet import lambda_handler

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "reports/templates/deploy"


def text(name):
    return (DEPLOY / name).read_text(encoding="utf-8")


def unit(name):
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read_string(text(name))
    return parser


def job():
    (found,) = [one for one in yaml.safe_load_all(text("kubernetes-cronjob.yaml")) if one["kind"] == "CronJob"]
    return found["spec"]["jobTemplate"]["spec"]["template"]["spec"]


class Template(yaml.SafeLoader):
    """CloudFormation's YAML, its functions kept as mappings."""


def _function(loader, suffix, node):
    if isinstance(node, yaml.ScalarNode):
        return {suffix: loader.construct_scalar(node)}
    if isinstance(node, yaml.SequenceNode):
        return {suffix: loader.construct_sequence(node, deep=True)}
    return {suffix: loader.construct_mapping(node, deep=True)}


Template.add_multi_constructor("!", _function)
STACK = yaml.load(text("lambda.yaml"), Template)

COMMANDS = {
    "crontab": re.search(r"bin/auditor (.*)", text("crontab"))[1].split(),
    "auditor.service": shlex.split(unit("auditor.service")["Service"]["ExecStart"])[1:],
    "kubernetes-cronjob.yaml": job()["containers"][0]["args"],
    "ecs-task.json": json.loads(text("ecs-task.json"))["containerDefinitions"][0]["command"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_command_of_an_example_is_understood(name):
    verb, *words = COMMANDS[name]
    assert verb == "audit"
    context = audit_command.make_context("audit", list(words))
    assert context.params["quiet"] is True
    assert len(context.params["pipelines"]) == 1
    from auditor.cli.audit import OUTPUTS, pairs

    assert all(file for form, file in pairs(context.meta[OUTPUTS]) if form != "table")


def test_the_environment_that_the_examples_name_is_what_the_command_reads():
    read = {one.envvar for one in audit_command.params if one.envvar} | {"XDG_STATE_HOME"}
    named = set(re.findall(r"\b(?:AUDITOR|XDG)_[A-Z_]+\b", "".join(text(path.name) for path in DEPLOY.iterdir())))
    assert named == read


def test_the_timer_starts_the_service():
    timer, service = unit("auditor.timer"), unit("auditor.service")
    assert timer["Install"]["WantedBy"] == "timers.target"
    assert service["Service"]["Type"] == "oneshot"
    assert set(service["Service"]["SuccessExitStatus"].split()) == {"1", "3"}
    # Every file that the command writes must lie where the unit may write.
    words = COMMANDS["auditor.service"]
    written = [Path(words[index + 1]).parent for index, word in enumerate(words) if word in {"--output", "--metrics"}]
    writable = {Path("/var/lib") / service["Service"]["StateDirectory"], Path(service["Service"]["ReadWritePaths"])}
    assert set(written) == writable


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_finds_nothing_wrong(tmp_path):
    for name in ("auditor.service", "auditor.timer"):
        # The program and its user are not on this machine, which is all that would be said.
        told = text(name).replace("/opt/auditor/bin/auditor", "/bin/true").replace("User=auditor", "User=root")
        (tmp_path / name).write_text(told, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, sorted(tmp_path.iterdir()))],
        capture_output=True,
        text=True,
        check=False,
    )
    mine = [line for line in done.stderr.splitlines() if "auditor." in line]
    assert mine == []


def test_cron_would_read_the_line():
    (line,) = [one for one in text("crontab").splitlines() if one and one[0].isdigit()]
    minute, hour, day, month, weekday, user, command = line.split(None, 6)
    assert (minute, hour, day, month, weekday, user) == ("0", "3", "*", "*", "*", "auditor")
    assert "%" not in command, "cron takes it for the end of the line"
    assert subprocess.run(["sh", "-n", "-c", command], check=False).returncode == 0


def test_the_job_writes_only_where_it_may():
    spec = job()
    (container,) = spec["containers"]
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    assert {one["name"] for one in mounts.values()} == {one["name"] for one in spec["volumes"]}
    words = audit_command.make_context("audit", container["args"][1:])
    assert str(words.params["pipelines"][0]) in mounts
    assert mounts[str(words.params["state_dir"])].get("readOnly") is None
    assert spec["restartPolicy"] == "Never"
    user = re.search(r"--uid (\d+)", (ROOT / "Dockerfile").read_text(encoding="utf-8"))[1]
    assert spec["securityContext"]["runAsUser"] == int(user)


def test_the_workers_find_their_scheduler_and_nobody_else_does():
    from dask.config import collect_env
    from distributed.cli import dask_scheduler, dask_worker

    found = {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text("kubernetes-dask.yaml"))}
    pods = {name: one["spec"]["template"] for (kind, name), one in found.items() if kind == "Deployment"}
    words = {name: pod["spec"]["containers"][0]["command"] for name, pod in pods.items()}
    assert [each[:2] for each in words.values()] == [["dask", "scheduler"], ["dask", "worker"]]
    scheduler = dask_scheduler.main.make_context("scheduler", words["auditor-scheduler"][2:]).params
    worker = dask_worker.main.make_context("worker", words["auditor-workers"][2:]).params
    service = found["Service", "auditor-scheduler"]["spec"]
    assert service["selector"] == pods["auditor-scheduler"]["metadata"]["labels"]
    assert worker["scheduler"] == f"tcp://auditor-scheduler:{service['ports'][0]['port']}"
    assert scheduler["port"] == str(service["ports"][0]["port"])
    argument = re.search(r"--executor=\S+", text("kubernetes-dask.yaml"))[0]
    assert audit_command.make_context("audit", ["x.yaml", argument]).params["executor"] == worker["scheduler"]
    (switched,) = pods["auditor-workers"]["spec"]["containers"][0]["env"]
    assert collect_env({switched["name"]: switched["value"]}) == {
        "distributed": {"worker": {"profile": {"enabled": False}}}
    }
    assert pods["auditor-workers"]["spec"]["serviceAccountName"] == job()["serviceAccountName"]
    only = found["NetworkPolicy", "auditor"]["spec"]
    (cronjob,) = [one for one in yaml.safe_load_all(text("kubernetes-cronjob.yaml")) if one["kind"] == "CronJob"]
    labels = cronjob["spec"]["jobTemplate"]["spec"]["template"]["metadata"]["labels"]
    for each in (labels, *(pod["metadata"]["labels"] for pod in pods.values())):
        assert only["podSelector"]["matchLabels"].items() <= each.items()
        assert only["ingress"] == [{"from": [{"podSelector": only["podSelector"]}]}]


def test_ecs_would_register_the_task():
    import botocore.session
    from botocore.validate import ParamValidator

    model = botocore.session.get_session().get_service_model("ecs")
    shape = model.operation_model("RegisterTaskDefinition").input_shape
    report = ParamValidator().validate(json.loads(text("ecs-task.json")), shape)
    assert not report.has_errors(), report.generate_report()


def test_cloudformation_would_take_the_template():
    from cfnlint import lint_file

    assert [str(one) for one in lint_file(DEPLOY / "lambda.yaml")] == []


def test_the_schedule_sends_an_event_that_the_handler_takes():
    properties = STACK["Resources"]["Function"]["Properties"]
    module, _, name = properties["Handler"].rpartition(".")
    assert (module, getattr(lambda_handler, name)) == (lambda_handler.__name__, lambda_handler.handler)
    event = json.loads(STACK["Resources"]["Schedule"]["Properties"]["Target"]["Input"])
    assert lambda_handler._order(event).pipelines == ("pipelines",)


def test_the_page_names_every_example_and_no_other():
    linked = set(re.findall(r"\]\(([^)/]+)\)", text("README.md")))
    assert linked == {path.name for path in DEPLOY.iterdir()} - {"README.md"}
