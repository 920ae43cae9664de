"""With one call refused for good, the rules that need it are unknown and all others keep their verdict: keys, queues, topics, rules, tables."""

from pathlib import Path

import pytest
import yaml

from auditor.aws import Aws, Patience
from auditor.kinds import KINDS
from auditor.pipeline import load
from auditor.rulebook import wanted_facets
from auditor.run import Settings, audit
from tests.faults.matrix import FAULTS, RULES, Entry
from tests.faults.world import served

QUICK = Patience(attempts=2, silent_attempts=1, first_wait=0.01, longest_wait=0.02, connect_timeout=2.0)
WORDS = {name: schema for rule in RULES for name, schema in rule.parameters.items()}
VARIANTS = {
    "keys and a catalog table": Entry("keys", "test", {}, ("kms", "catalog")),
    "a queue under a key": next(one for one in FAULTS if one.name == "the queue's key does not admit S3"),
    "a topic": Entry("topic", "test", {}, ("topic",)),
    "an EventBridge rule": Entry("eventbridge", "test", {}, ("eventbridge",)),
}
# By variant and call: the verdicts that are open when that call alone is refused.
REFUSED = yaml.safe_load((Path(__file__).parent / "refused_calls.yaml").read_text(encoding="utf-8"))
REFUSAL = {"status": 403, "code": "AccessDenied"}
# One of these besides, each in its turn.
OTHERS = ({"status": 500, "code": "InternalError"}, {"body": "{"}, {"expired": True})


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with served(tmp_path_factory.mktemp("refused")) as made:
        yield made


def verdicts(listed, aws):
    report = audit(listed, RULES, Settings(), aws=aws)
    return {f"{one.rule}@{one.node}": one.verdict.value for one in report.findings}


def asking(pipeline, call):
    """Return the rules that look at a facet which this call reads, by the facet tables."""
    account, _, name = call.partition(" ")
    return {
        rule.id
        for rule in RULES
        for node, facet in wanted_facets([rule], pipeline)
        if pipeline.nodes[node].account.name == account and name in KINDS[pipeline.nodes[node].kind].facets[facet].calls
    }


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_refused_call_opens_what_needs_it_and_nothing_else(world, tmp_path, variant):
    (tmp_path / "pipeline.yaml").write_text(world.build(VARIANTS[variant]), encoding="utf-8")
    listed = load([tmp_path / "pipeline.yaml"], intent=WORDS)
    world.server.clear()
    with Aws(patience=QUICK) as aws:
        quiet = verdicts(listed, aws)
        for turn, (call, opened) in enumerate(REFUSED[variant].items()):
            account, _, name = call.partition(" ")
            service, _, operation = name.partition(":")
            number = listed[0].accounts[account].id
            for fault in (REFUSAL, OTHERS[turn % len(OTHERS)]):
                world.server.faults([{"service": service, "operation": operation, "account": number, **fault}])
                now = verdicts(listed, aws)
                changed = {one for one in quiet if quiet[one] != now[one]}
                assert now.keys() == quiet.keys()
                assert sorted(changed) == opened, (call, fault)
                assert {now[one] for one in changed} <= {"unknown"}, (call, fault)
                assert {one.partition("@")[0] for one in changed} <= asking(listed[0], call), (call, fault)
            world.server.clear()
