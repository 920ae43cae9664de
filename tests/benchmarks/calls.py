"""Which calls reading a pipeline facet by facet takes: made once for one pipeline, renamed for the others."""

import json
import os

from auditor.aws import Aws
from auditor.pipeline import load
from auditor.rulebook import load as load_rules
from auditor.rulebook import selected
from auditor.run import Settings, audit
from tests.benchmarks.fleet import PER_GROUP, write_fleet


class Listening(Aws):
    """A door that writes down what it is asked."""

    def ask(self, account, region):
        """Return how to read, remembering each call."""
        ask = super().ask(account, region)

        def heard(call):
            self.heard.append([account.profile, call.region or region, call.service, call.operation, dict(call.params)])
            return ask(call)

        return heard


def calls_of_one(folder, env, url, select):
    """Return the calls that the selected rules need for pipeline 1."""
    write_fleet(folder, url, [1])
    os.environ["AWS_CONFIG_FILE"] = env["AWS_CONFIG_FILE"]
    pipelines = load([folder / "pipelines.yaml"])
    aws = Listening()
    aws.heard = []
    with aws:
        audit(pipelines, selected(load_rules(vet=False), select), Settings(), aws=aws)
    return [call for call in aws.heard if call[3] != "GetMetricData"]


def calls_of_all(one, pipelines):
    """Return these calls for every pipeline, those of an account once an account."""
    text = json.dumps(one)
    made, seen = [], set()
    for number in range(1, pipelines + 1):
        group = f"{number // PER_GROUP:08d}"
        renamed = text.replace("p00001", f"p{number:05d}").replace("00000000", group)
        for call in json.loads(renamed):
            key = json.dumps(call)
            if key not in seen:
                seen.add(key)
                made.append(call)
    return made
