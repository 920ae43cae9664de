"""The configuration behind a plan: how its language is read, what its expressions are worth, and where things stand."""

from __future__ import annotations

import json

import pytest

from auditor.errors import SourceError
from auditor.model import Unread
from auditor.scope import Scope as Routes
from auditor.sources.terraform_evaluation import Later, Scope, evaluate, unread
from auditor.sources.terraform_language import NotUnderstoodError
from auditor.sources.terraform_language import parse as parse_file
from auditor.sources.terraform_syntax import parse
from tests.plans.stack import Stack, encoded, ref
from tests.test_terraform import found, snapshot


def several(items):
    return Later(lambda key: items.get(key, unread(str(key))), items)


NAMES = {
    "var": {"name": "orders", "list": ["a", "b"], "map": {"x": 1, "y": 2}, "none": None, "flag": True, "number": 3},
    "local": {
        "later": Unread("KnownAfterApply"),
        "name": "(aws_s3_bucket.b)",
        "parts": ["a", Unread("KnownAfterApply")],
    },
    "aws_it": Later(lambda key: {"one": {"arn": "arn:1", "list": [{"k": "v"}]}}.get(key, unread(str(key)))),
    "many": several({"a": {"arn": "arn:a"}, "b": {"arn": "arn:b"}}),
    "counted": several({0: {"arn": "arn:0"}, 1: {"arn": "arn:1"}}),
}


def look(name):
    return NAMES.get(name, unread(name))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('"plain"', "plain"),
        ("7", 7),
        ("-2.5", -2.5),
        ("null", None),
        ('"a \\"quoted\\" \\u00e9\\n"', 'a "quoted" é\n'),
        ('"${var.name}-x"', "orders-x"),
        ('"${var.number}:${var.flag}"', "3:true"),
        ('"${var.map}"', {"x": 1, "y": 2}),
        ('"$${aws:username} %%{x}"', "${aws:username} %{x}"),
        ('"${"${var.name}/*"}"', "orders/*"),
        ('"${ "a}b" }"', "a}b"),
        ("<<EOT\nline ${var.name}\nEOT\n", "line orders\n"),
        ("<<-EOT\n    a\n      b\n    EOT\n", "a\n  b\n"),
        ('[1, [2], "x",]', [1, [2], "x"]),
        ('{ a = 1, "b-c" : 2, (var.name) = 3 }', {"a": 1, "b-c": 2, "orders": 3}),
        ("{\n  a = 1 # one\n  b = [ // two\n    2,\n  ]\n}", {"a": 1, "b": [2]}),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("(1 + 2) * 3 % 5", 4),
        ("var.number >= 3 && !false || var.flag == false", True),
        ('var.name != "orders" ? "a" : "b"', "b"),
        ("var.list[1]", "b"),
        ('var.map["x"]', 1),
        ("var.list.0", "a"),
        ("aws_it.one.list[*].k", ["v"]),
        ("aws_it.one.list.*.k", ["v"]),
        ("var.none[*]", []),
        ("[for s in var.list : upper(s)]", ["A", "B"]),
        ('[for i, s in var.list : "${i}${s}" if s != "a"]', ["1b"]),
        ("{for k, v in var.map : v => k}", {"1": "x", "2": "y"}),
        ('{for k, v in var.map : "all" => k...}', {"all": ["x", "y"]}),
        ('[for k, v in many : "${k}=${v.arn}"]', ["a=arn:a", "b=arn:b"]),
        ("values(many)[*].arn", ["arn:a", "arn:b"]),
        ("counted[*].arn", ["arn:0", "arn:1"]),
        ("counted[1].arn", "arn:1"),
        ('many["a"].arn', "arn:a"),
        ('one([for s in var.list : s if s == "a"])', "a"),
        ('jsonencode({ Statement = [{ Resource = ["${aws_it.one.arn}/*"], Sid = null }] })', '{"Statement":[{"Resource":["arn:1/*"],"Sid":null}]}'),
        ('jsondecode("[1]")', [1]),
        ('format("arn:aws:s3:::%s/%03d%%", var.name, 7)', None),
        ('format("arn:aws:s3:::%s/%d", var.name, 7)', "arn:aws:s3:::orders/7"),
        ('join("-", ["a"], var.list)', "a-a-b"),
        ("concat(var.list, [var.name])", ["a", "b", "orders"]),
        ("merge({a = 1}, {b = 2}, null)", {"a": 1, "b": 2}),
        ("merge([{a = 1}, {a = 2}]...)", {"a": 2}),
        ('lookup(var.map, "z", 9)', 9),
        ('coalesce(null, "", var.name)', "orders"),
        ('try(var.map["z"], counted[5].arn, "instead")', "instead"),
        ('replace("a-b", "-", "_")', "a_b"),
        ('trimsuffix(lower("ABC"), "c")', "ab"),
        ('element(split(",", "a,b,c"), 4)', "b"),
        ('contains(var.list, "b") ? length(var.list) : 0', 2),
        ("flatten([[1], [[2]], 3])", [1, 2, 3]),
        ('distinct(compact(["a", "", "a"]))', ["a"]),
        ("zipmap(var.list, [1, 2])", {"a": 1, "b": 2}),
        ("setproduct([1], [2, 3])", [[1, 2], [1, 3]]),
        # What is not known stays so, and only where it stands.
        ("local.later", "KnownAfterApply"),
        ('"${local.later}/*"', "KnownAfterApply"),
        ("[var.name, local.later]", ["orders", "KnownAfterApply"]),
        ("jsonencode({ a = local.later, b = 1 })", {"a": "KnownAfterApply", "b": 1}),
        ('"${local.name}/*"', "(aws_s3_bucket.b)/*"),
        ("length(local.name)", "NotEvaluated"),
        ('local.name == "x"', "NotEvaluated"),
        ('local.name == "x" || true', True),
        ("local.later == 1 && false", False),
        ("local.later ? 1 : 2", "KnownAfterApply"),
        ("try(local.later, 2)", "KnownAfterApply"),
        ("coalesce(local.later, 2)", "KnownAfterApply"),
        ('join(",", local.parts)', "KnownAfterApply"),
        ("sensitive(var.name)", "Sensitive"),
        ("uuid()", "NotEvaluated"),
        ('file("x.json")', "NotEvaluated"),
        ("can(var.x)", "NotEvaluated"),
        ("path.module", "NotEvaluated"),
        ("aws_it.one", {"arn": "arn:1", "list": [{"k": "v"}]}),
        ("many", "NotEvaluated"),
        ("1 / 0", "NotEvaluated"),
        ('var.map["z"]', "NotEvaluated"),
        ("upper(7)", "NotEvaluated"),
    ],
)  # fmt: skip
def test_an_expression_is_worth(text, value):
    made = evaluate(parse(text), Scope(look))
    if value is None and text != "null":
        assert isinstance(made, Unread)
    else:
        assert told(made) == value


def told(value):
    if isinstance(value, Unread):
        return value.reason
    if isinstance(value, dict):
        return {name: told(part) for name, part in value.items()}
    return [told(part) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    "text",
    ["", "a b", "[1 2]", '"%{if x}a%{endif}"', '"open', "{a}", "x ? 1", "f(", "a..b", "1 +", "<<EOT\nx", '"\\q"'],
)
def test_what_is_no_expression_is_not_followed(text):
    with pytest.raises(NotUnderstoodError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" + ".b" * 20_000,
        "a" + " + a" * 20_000,
        "a" + "[*]" * 20_000,
        "a" + "[a" * 5_000 + "]" * 5_000,
        "(" * 20_000 + "a" + ")" * 20_000,
        "!" * 20_000 + "a",
        '"${' * 5_000 + "a" + '}"' * 5_000,
        "[for a in " * 5_000 + "b" + ": a]" * 5_000,
    ],
    ids=lambda text: text[:4],
)
def test_an_expression_of_endless_depth_is_not_followed(text):
    with pytest.raises(NotUnderstoodError):
        parse(text)


def test_blocks_and_attributes_have_their_lines():
    text = """\
# A comment with a { brace and a " quote.
resource "aws_s3_bucket" "b" {
  bucket = "x${var.a == "}" ? "{" : ""}" /* { */
  tags = {
    a = "b"
  }

  policy = <<-EOT
    { "a": "${var.x}" }
  EOT
  versioning { enabled = true }
  dynamic "rule" {
    for_each = var.rules
    content {
      id = rule.key
    }
  }
}
"""
    (block,) = parse_file(text).blocks
    assert (block.type, block.labels, block.line) == ("resource", ("aws_s3_bucket", "b"), 2)
    assert {name: one.line for name, one in block.body.attributes.items()} == {"bucket": 3, "tags": 4, "policy": 8}
    assert [(one.type, one.labels, one.line) for one in block.body.blocks] == [
        ("versioning", (), 11),
        ("dynamic", ("rule",), 12),
    ]
    assert block.body.blocks[1].body.blocks[0].body.attributes["id"].line == 15


@pytest.mark.parametrize("text", ["}", "a {", "a = [", 'a "x', "a { b = 1", "= 1", "a = <<EOT\nx\n"])
def test_what_is_no_configuration_is_not_followed(text):
    with pytest.raises(NotUnderstoodError):
        parse_file(text)


ROOT = """\
variable "prefix" {}

locals {
  name   = "${var.prefix}-export"
  bucket = module.bucket["main"].arn
}

module "bucket" {
  source   = "./modules/bucket"
  for_each = { main = local.name }
  name     = each.value
  rules    = [{ id = "a", days = 3 }, { id = "b", days = 4 }]
}

resource "aws_iam_role" "r" {
  name = "replication"
}

resource "aws_iam_role_policy" "r" {
  name   = "p"
  role   = aws_iam_role.r.id
  policy = data.aws_iam_policy_document.r.json
}

data "aws_iam_policy_document" "r" {
  statement {
    sid       = "Look"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket]
  }

  dynamic "statement" {
    for_each = toset(["Get", "Put"])
    content {
      actions   = ["s3:${statement.value}Object"]
      resources = ["${local.bucket}/*"]
    }
  }
}
"""
CHILD = """\
variable "name" {}
variable "rules" { default = [] }

resource "aws_s3_bucket" "this" {
  count  = 1
  bucket = var.name
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = one(aws_s3_bucket.this[*].id)

  dynamic "rule" {
    for_each = var.rules
    content {
      id     = rule.value.id
      status = "Enabled"
      filter {}
      expiration {
        days = rule.value.days
      }
    }
  }
}

output "arn" {
  value = try(aws_s3_bucket.this[0].arn, "")
}
"""


def project():
    """Return the plan of ROOT and CHILD before anything was made, as Terraform tells it."""
    bucket, lifecycle = (
        'module.bucket["main"].aws_s3_bucket.this[0]',
        'module.bucket["main"].aws_s3_bucket_lifecycle_configuration.this',
    )
    stack = Stack(
        {
            bucket: {"bucket": "orders-export"},
            lifecycle: {
                "bucket": ref("aws_s3_bucket.this", "aws_s3_bucket.this"),
                "rule": [
                    {"id": one, "status": "Enabled", "filter": [{"prefix": ""}], "expiration": [{"days": days}]}
                    for one, days in (("a", 3), ("b", 4))
                ],
            },
            "aws_iam_role.r": {"name": "replication", "assume_role_policy": "{}"},
            "aws_iam_role_policy.r": {
                "name": "p",
                "role": ref("aws_iam_role.r.id"),
                "policy": ref("data.aws_iam_policy_document.r.json"),
            },
            "data.aws_iam_policy_document.r": {
                "statement": [
                    {"sid": "Look", "actions": ["s3:ListBucket"], "resources": ref("local.bucket")},
                    {"sid": None, "actions": ["s3:GetObject"], "resources": ref("local.bucket")},
                    {"sid": None, "actions": ["s3:PutObject"], "resources": ref("local.bucket")},
                ]
            },
        },
        modules={'module.bucket["main"]': {"name": ref("each.value")}},
    )  # fmt: skip
    plan = stack.plan()
    plan["variables"] = {"prefix": {"value": "orders"}}
    return plan


FILES = {"main.tf": ROOT, "modules/bucket/main.tf": CHILD}
PLACES = {
    "source_bucket.Lifecycle.Rules[1].Expiration.Days": ("modules/bucket/main.tf", 19),
    "source_bucket.Lifecycle.Rules[0].Status": ("modules/bucket/main.tf", 16),
    "source_bucket.Lifecycle": ("modules/bucket/main.tf", 9),
    "source_bucket.Versioning": ("modules/bucket/main.tf", 4),
    "exporter.InlinePolicies.p": ("main.tf", 22),
    "exporter.Trust": ("main.tf", 15),
}


def test_modules_locals_loops_and_documents_are_followed(tmp_path):
    nodes = {"source_bucket": "orders-export", "exporter": {"role": "replication"}}
    made = snapshot(tmp_path, project(), nodes, FILES)
    assert [one["Expiration"] for one in found(made, "source_bucket.Lifecycle.Rules")] == [{"Days": 3}, {"Days": 4}]
    assert found(made, "exporter.InlinePolicies.p.Statement") == [
        {"Sid": "Look", "Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": ["arn:aws:s3:::orders-export"]},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::orders-export/*"]},
        {"Effect": "Allow", "Action": ["s3:PutObject"], "Resource": ["arn:aws:s3:::orders-export/*"]},
    ]


@pytest.mark.parametrize("route", PLACES)
def test_findings_have_the_line_of_the_attribute_or_of_the_block_that_lacks_it(tmp_path, route):
    nodes = {"source_bucket": "orders-export", "exporter": {"role": "replication"}}
    made = snapshot(tmp_path, project(), nodes, FILES)
    place = Routes(made, route.split(".")[0]).place(route)
    file, line = PLACES[route]
    assert place.file.endswith(f"/tf/{file}")
    assert place.line == line


def test_without_the_configuration_a_place_is_the_plan_and_the_address(tmp_path):
    made = snapshot(tmp_path, project(), {"source_bucket": "orders-export"})
    place = Routes(made, "source_bucket").place("source_bucket.Lifecycle.Rules[0].Status")
    assert str(place) == f'{tmp_path}/plan.json module.bucket["main"].aws_s3_bucket_lifecycle_configuration.this'


def test_modules_are_found_where_terraform_init_put_them(tmp_path):
    listed = {
        "Modules": [
            {"Key": "", "Source": "", "Dir": "."},
            {"Key": "bucket", "Source": "x/y/aws", "Dir": ".terraform/modules/bucket"},
        ]
    }
    files = {
        "main.tf": ROOT.replace('"./modules/bucket"', '"x/y/aws"'),
        ".terraform/modules/bucket/main.tf": CHILD,
        ".terraform/modules/modules.json": json.dumps(listed),
    }
    made = snapshot(tmp_path, project(), {"exporter": {"role": "replication"}}, files)
    assert found(made, "exporter.InlinePolicies.p.Statement[0].Resource") == ["arn:aws:s3:::orders-export"]


def test_a_file_that_is_not_followed_leaves_the_plan_as_it_is(tmp_path):
    files = {"main.tf": ROOT, "modules/bucket/main.tf": CHILD + '\nresource "x" {', "broken.tf": "= ="}
    made = snapshot(tmp_path, project(), {"source_bucket": "orders-export"}, files)
    assert found(made, "source_bucket.Versioning") == {}


def test_sensitive_variables_are_not_looked_at(tmp_path):
    stack = Stack(
        {
            "aws_s3_bucket.b": {"bucket": "orders-export"},
            "aws_s3_bucket_policy.b": {
                "bucket": ref("aws_s3_bucket.b.id"),
                "policy": encoded(
                    {"Statement": [{"Resource": ref("aws_s3_bucket.b.arn"), "Principal": ref("var.secret")}]}
                ),
            },
        }
    )
    plan = stack.plan()
    plan["variables"] = {"secret": {"value": "hidden-value"}}
    files = {"main.tf": 'variable "secret" {\n  sensitive = true\n}\n' + stack.hcl()}
    made = snapshot(tmp_path, plan, {"source_bucket": "orders-export"}, files)
    statement = found(made, "source_bucket.Policy.Statement")[0]
    assert told(statement) == {"Resource": "arn:aws:s3:::orders-export", "Principal": "Sensitive"}
    assert "hidden-value" not in repr(made.resources["source_bucket"].facets)


ENCODED = {
    "aws_s3_bucket.b": {"bucket": "orders-export"},
    "aws_s3_bucket_policy.b": {
        "bucket": ref("aws_s3_bucket.b.id"),
        "policy": encoded({"Statement": [{"Resource": ref("aws_s3_bucket.b.arn"), "Effect": "Allow"}]}),
    },
}


@pytest.mark.parametrize(
    ("old", "new", "trusted"),
    [
        ("aws_s3_bucket.b.arn", "aws_s3_bucket.b.arn", True),
        ("aws_s3_bucket.b.arn", "aws_s3_bucket.c.arn", False),
        ("aws_s3_bucket.b.arn", '"arn:aws:s3:::x"', False),
        ("bucket = aws_s3_bucket.b.id", 'bucket = "another"', True),
        ('bucket = "orders-export"', 'bucket = "renamed"', True),
    ],
)
def test_a_configuration_that_is_not_that_of_the_plan_tells_nothing(tmp_path, old, new, trusted):
    """Files may have changed since the plan was made: where their references differ, they are not believed."""
    stack = Stack(ENCODED)
    text = stack.hcl()
    assert old in text
    made = snapshot(tmp_path, stack.plan(), {"source_bucket": "orders-export"}, {"main.tf": text.replace(old, new)})
    if trusted:
        assert found(made, "source_bucket.Policy.Statement[0].Resource") == "arn:aws:s3:::orders-export"
    else:
        assert isinstance(found(made, "source_bucket.Policy"), Unread)


def test_a_block_whose_known_values_differ_is_not_believed(tmp_path):
    stack = Stack({**ENCODED, "aws_s3_bucket_policy.b": {**ENCODED["aws_s3_bucket_policy.b"], "expected_owner": "one"}})
    text = stack.hcl().replace('"one"', '"two"')
    made = snapshot(tmp_path, stack.plan(), {"source_bucket": "orders-export"}, {"main.tf": text})
    assert isinstance(found(made, "source_bucket.Policy"), Unread)


def test_loops_in_loops_end():
    text = "[for a in range(1000) : [for b in range(1000) : [for c in range(1000) : c]]]"
    assert isinstance(evaluate(parse(text), Scope(look)), list | Unread)


@pytest.mark.parametrize("files", [{"readme.md": "x"}, {"main.tf": "# nothing\n"}])
def test_a_folder_without_configuration_is_refused(tmp_path, files):
    with pytest.raises(SourceError, match="No Terraform configuration"):
        snapshot(tmp_path, project(), {"source_bucket": "orders-export"}, files)
