"""Terraform configurations as data, and the plan, state or HCL that Terraform 1.11 makes of them."""

from __future__ import annotations

import copy
import json
import re

UNKNOWN = object()
_HOLE = re.compile(r"\$\{([^}]+)\}")
_PROVIDER = "registry.terraform.io/hashicorp/aws"
ACCOUNTS = {"aws": ("111122223333", "ap-northeast-1"), "aws.analytics": ("444455556666", "ap-northeast-1")}

# What the provider computes, once it has made the resource.
COMPUTED = {
    "aws_s3_bucket": {
        "arn": "arn:aws:s3:::{bucket}",
        "id": "{bucket}",
        "region": "{region}",
        "bucket_domain_name": "{bucket}.s3.amazonaws.com",
        "versioning": [],
        "lifecycle_rule": [],
        "replication_configuration": [],
        "server_side_encryption_configuration": [],
        "logging": [],
        "policy": "",
        "grant": [],
        "object_lock_configuration": [],
        "object_lock_enabled": False,
        "request_payer": "BucketOwner",
        "acceleration_status": "",
        "tags_all": {},
    },
    "aws_dynamodb_table": {"arn": "arn:aws:dynamodb:{region}:{account}:table/{name}", "id": "{name}", "stream_arn": ""},
    "aws_iam_role": {
        "arn": "arn:aws:iam::{account}:role/{name}",
        "id": "{name}",
        "unique_id": "AROA",
        "inline_policy": [],
        "managed_policy_arns": [],
    },
    "aws_iam_role_policy": {"id": "{role}:{name}"},
    "aws_iam_policy": {"arn": "arn:aws:iam::{account}:policy/{name}", "id": "arn:aws:iam::{account}:policy/{name}"},
    "aws_lambda_function": {
        "arn": "arn:aws:lambda:{region}:{account}:function:{function_name}",
        "id": "{function_name}",
        "qualified_arn": "arn:aws:lambda:{region}:{account}:function:{function_name}:1",
        "version": "1",
    },
    "aws_lambda_permission": {"id": "{statement_id}"},
    "aws_lambda_alias": {"arn": "arn:aws:lambda:{region}:{account}:function:{function_name}:{name}", "id": "x"},
    "aws_sqs_queue": {
        "arn": "arn:aws:sqs:{region}:{account}:{name}",
        "id": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "url": "https://sqs.{region}.amazonaws.com/{account}/{name}",
        "policy": "",
        "sqs_managed_sse_enabled": True,
        "kms_data_key_reuse_period_seconds": 300,
    },
    "aws_sns_topic": {
        "arn": "arn:aws:sns:{region}:{account}:{name}",
        "id": "arn:aws:sns:{region}:{account}:{name}",
        "policy": "",
    },
    "aws_cloudwatch_event_rule": {"arn": "arn:aws:events:{region}:{account}:rule/{name}", "id": "{name}"},
    "aws_cloudwatch_event_target": {"id": "{rule}"},
    "aws_kms_key": {
        "arn": "arn:aws:kms:{region}:{account}:key/1234abcd-12ab-34cd-56ef-1234567890ab",
        "id": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "key_id": "1234abcd-12ab-34cd-56ef-1234567890ab",
        "policy": "",
        "rotation_period_in_days": 365,
        "multi_region": False,
    },
    "aws_kms_alias": {"arn": "arn:aws:kms:{region}:{account}:{name}", "id": "{name}", "target_key_arn": ""},
    "aws_glue_catalog_table": {"arn": "x", "id": "x"},
    "aws_cloudwatch_metric_alarm": {
        "arn": "arn:aws:cloudwatch:{region}:{account}:alarm:{alarm_name}",
        "id": "{alarm_name}",
    },
    "data.aws_iam_policy_document": {"json": "", "minified_json": "", "id": ""},
}
# What a block or attribute is when the configuration leaves it out.
DEFAULTS = {
    "aws_s3_bucket": {"force_destroy": False, "tags": None, "timeouts": None, "bucket_prefix": None},
    "aws_s3_bucket_versioning": {"expected_bucket_owner": None, "mfa": None},
    "aws_s3_bucket_notification": {"eventbridge": False, "lambda_function": [], "queue": [], "topic": []},
    "aws_s3_bucket_replication_configuration": {"token": None},
    "aws_dynamodb_table": {"deletion_protection_enabled": None, "replica": [], "ttl": [], "server_side_encryption": []},
    "aws_iam_role": {"path": "/", "permissions_boundary": None, "max_session_duration": 3600, "description": None},
    "aws_iam_role_policy": {},
    "aws_lambda_function": {
        "dead_letter_config": [],
        "environment": [],
        "reserved_concurrent_executions": -1,
        "publish": False,
    },
    "aws_lambda_permission": {"qualifier": None, "source_account": None, "event_source_token": None},
    "aws_sqs_queue": {"fifo_queue": False, "kms_master_key_id": None, "visibility_timeout_seconds": 30},
    "aws_sns_topic": {"display_name": None, "fifo_topic": False, "kms_master_key_id": None},
    "aws_kms_key": {"is_enabled": True, "enable_key_rotation": False, "key_usage": "ENCRYPT_DECRYPT"},
}


class Expression:
    """Something that the configuration does not write as a constant."""

    def __init__(self, text, *references):
        self.text = text
        self.names = references or tuple(_HOLE.findall(text) if "${" in text else [text])

    def references(self):
        made = []
        for name in self.names:
            made.append(name)
            head = name.split(".")
            while len(head) > (4 if head[0] == "data" else 3 if head[0] == "module" else 2):
                head = head[:-1]
            stem = ".".join(head[: 3 if head[0] == "data" else 2])
            if "[" in stem:
                made += [stem, stem.split("[")[0]]
            elif stem != name and head[0] not in {"var", "local", "each"}:
                made.append(stem)
        return list(dict.fromkeys(made))

    def hcl(self):
        return f'"{self.text}"' if "${" in self.text else self.text

    def value(self, look):
        if "${" not in self.text:
            return look(self.text)
        parts = [look(name) for name in _HOLE.findall(self.text)]
        if any(part is UNKNOWN for part in parts):
            return UNKNOWN
        return _HOLE.sub(lambda hole: str(look(hole[1])), self.text)


class Encoded(Expression):
    """A document that the configuration writes with jsonencode."""

    def __init__(self, document):
        self.document = document
        self.text = ""
        self.names = tuple(name for one in _inner(document) for name in one.names)

    def hcl(self):
        return f"jsonencode({_hcl_value(self.document)})"

    def value(self, look):
        made = _known(self.document, look)
        return UNKNOWN if made is UNKNOWN else json.dumps(made, separators=(",", ":"), sort_keys=True)


def _inner(value):
    if isinstance(value, Expression):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _inner(part)


def _known(value, look):
    if isinstance(value, Expression):
        return value.value(look)
    if isinstance(value, dict):
        made = {key: _known(part, look) for key, part in value.items()}
        return UNKNOWN if any(part is UNKNOWN for part in made.values()) else made
    if isinstance(value, list):
        made = [_known(part, look) for part in value]
        return UNKNOWN if any(part is UNKNOWN for part in made) else made
    return value


def ref(text, *references):
    return Expression(text, *references)


def encoded(document):
    return Encoded(document)


class Stack:
    """Resources by address (`module.m.type.name[0]`), each with its arguments; `exists` are those already made."""

    def __init__(self, resources, *, exists=(), providers=None, modules=None, outputs=None, hidden=()):
        self.resources = dict(resources)
        self.exists = set(self.resources) if exists is True else set(exists or ())
        self.providers = providers or {}
        self.modules = modules or {}
        self.outputs = outputs or {}
        self.hidden = set(hidden)
        self.told = {}
        self._values = {}

    def changed(self, changes):
        """Return the stack with arguments of some resources replaced; `None` takes a resource away."""
        resources = copy.deepcopy(self.resources)
        for address, arguments in changes.items():
            if arguments is None:
                resources.pop(address)
            else:
                resources[address] = {**resources.get(address, {}), **arguments}
        exists = self.exists | (set(changes) & set(resources) if self.exists else set())
        return Stack(resources, exists=exists, providers=self.providers, modules=self.modules, outputs=self.outputs)

    def owner(self, address):
        return ACCOUNTS[self.providers.get(address, "aws")]

    def values(self, address):
        """Return a resource's attributes, with UNKNOWN where Terraform does not know them before apply."""
        if address in self._values:
            return self._values[address]
        arguments, kind = self.resources[address], _type(address)
        made = {**copy.deepcopy(DEFAULTS.get(kind, {}))}
        self._values[address] = made
        made |= {key: self._evaluated(part, address) for key, part in arguments.items()}
        account, region = self.owner(address)
        for key, form in COMPUTED.get(kind, {"id": "x"}).items():
            if key in arguments:
                continue
            if address not in self.exists:
                made[key] = UNKNOWN
            elif isinstance(form, str):
                plain = {name: part for name, part in made.items() if isinstance(part, str)}
                holes = {"bucket": "", "statement_id": "", "role": "", **plain, "account": account, "region": region}
                made[key] = form.format(**holes)
            else:
                made[key] = form
        made |= self.told.get(address, {})
        return made

    def _evaluated(self, value, address):
        if isinstance(value, Expression):
            return value.value(lambda name: self.look(name, address))
        if isinstance(value, dict):
            return {key: self._evaluated(part, address) for key, part in value.items()}
        if isinstance(value, list):
            return [self._evaluated(part, address) for part in value]
        return value

    def look(self, name, address=""):
        """Return the value of a reference as it stands in the configuration of a resource."""
        module = (
            address.rpartition(".")[0].rpartition(".")[0]
            if address.count(".") > 1 and address.startswith("module")
            else ""
        )
        head, _, attribute = name.rpartition(".")
        if name.startswith("var.") and module:
            value = self.modules[module][name[4:]]
            return self._evaluated(value, "")
        if name.startswith("module."):
            return self._evaluated(self.outputs[name], f"{head}.x.y")
        if name.startswith("local."):
            return self._evaluated(self.modules.get("locals", {}).get(name[6:], UNKNOWN), address)
        known = f"{module}.{head}" if module else head
        if known not in self.resources:
            return UNKNOWN
        return self.values(known).get(attribute, UNKNOWN)

    def plan(self, *, deleted=(), replaced=(), errored=False, prior=None):
        """Return the plan; `deleted` maps addresses to what they were, `replaced` are deleted and made anew."""
        changes = [self._change(address, replaced) for address in self.resources]
        changes += [_deletion(address, values) for address, values in dict(deleted).items()]
        return {
            "format_version": "1.2",
            "terraform_version": "1.11.4",
            "planned_values": {"root_module": self._module_values("")},
            "resource_changes": changes,
            **(
                {
                    "prior_state": {
                        "format_version": "1.0",
                        "terraform_version": "1.11.4",
                        "values": {"root_module": prior},
                    }
                }
                if prior
                else {}
            ),
            "configuration": self._configuration(),
            "relevant_attributes": [],
            "timestamp": "2026-11-24T00:00:00Z",
            "applyable": True,
            "complete": not errored,
            "errored": errored,
        }

    def state(self):
        """Return what `terraform show -json` makes of the state after apply."""
        made = Stack(self.resources, exists=True, providers=self.providers, modules=self.modules, outputs=self.outputs)
        return {
            "format_version": "1.0",
            "terraform_version": "1.11.4",
            "values": {"root_module": made._module_values("")},
        }

    def _module_values(self, module):
        mine = [address for address in self.resources if _module(address) == module]
        inner = sorted(
            {_child(_module(address), module) for address in self.resources if _child(_module(address), module)}
        )
        made = {"resources": [self._planned(address) for address in mine]} if mine else {}
        if inner:
            made["child_modules"] = [self._module_values(one) for one in inner]
        return made | ({"address": module} if module else {})

    def _planned(self, address):
        known, _ = _split(self.values(address))
        return {
            **_head(address),
            "provider_name": _PROVIDER,
            "schema_version": 0,
            "values": known,
            "sensitive_values": {},
        }

    def _change(self, address, replaced):
        known, later = _split(self.values(address))
        exists = address in self.exists
        actions = ["delete", "create"] if address in replaced else ["no-op"] if exists else ["create"]
        if address.startswith("data.") or ".data." in address:
            actions = ["read"]
        change = {
            "actions": replaced[address] if isinstance(replaced, dict) and address in replaced else actions,
            "before": known if exists or address in replaced else None,
            "after": known,
            "after_unknown": later or {},
            "before_sensitive": {} if exists else False,
            "after_sensitive": {},
        }
        module = {"module_address": _module(address)} if _module(address) else {}
        return {**_head(address), **module, "provider_name": _PROVIDER, "change": change}

    def _configuration(self):
        providers = {
            name: {"name": "aws", "full_name": _PROVIDER, "expressions": {"region": {"constant_value": region}}}
            for name, (_, region) in ACCOUNTS.items()
        }
        return {"provider_config": providers, "root_module": self._module_configuration("")}

    def _module_configuration(self, path):
        blocks = {}
        for address, arguments in self.resources.items():
            if re.sub(r"\[[^]]*\]", "", _module(address)) == path:
                blocks.setdefault(
                    re.sub(r"\[[^]]*\]", "", address).removeprefix(f"{path}." if path else ""), (address, arguments)
                )
        resources = []
        for block, (address, arguments) in blocks.items():
            said = {
                key: _expression(part) for key, part in arguments.items() if part is not None and key not in self.hidden
            }
            head = _head(block)
            repeated = {}
            if address.endswith("]") and "[" in address.split(".")[-1]:
                key = address.rsplit("[", 1)[1][:-1]
                repeated = (
                    {"count_expression": {"constant_value": 2}}
                    if key.isdigit()
                    else {"for_each_expression": {"references": ["var.names"]}}
                )
            resources.append(
                {
                    **head,
                    "provider_config_key": self.providers.get(address, "aws"),
                    "expressions": said,
                    "schema_version": 0,
                    **repeated,
                }
            )
        calls = {}
        for name, arguments in self.modules.items():
            if name == "locals":
                continue
            plain = re.sub(r"\[[^]]*\]", "", name)
            if plain.rpartition(".module.")[0] == path or (not path and plain.count("module.") == 1):
                short = plain.rpartition("module.")[2]
                repeated = {"for_each_expression": {"references": ["var.names"]}} if "[" in name else {}
                outputs = {
                    key.rpartition(".")[2]: {"expression": _expression(value)}
                    for key, value in self.outputs.items()
                    if re.sub(r"\[[^]]*\]", "", key).startswith(f"{plain}.")
                }
                calls[short] = {
                    "source": f"./modules/{short}",
                    "expressions": {key: _expression(part) for key, part in arguments.items()},
                    "module": {
                        **self._module_configuration(plain),
                        "outputs": outputs,
                        "variables": {key: {} for key in arguments},
                    },
                    **repeated,
                }
        return {"resources": resources, **({"module_calls": calls} if calls else {})}

    def hcl(self):
        """Return the configuration of the root module as Terraform's own language."""
        made = []
        for address, arguments in self.resources.items():
            head = _head(address)
            word = "data" if head["mode"] == "data" else "resource"
            provider = self.providers.get(address)
            lines = [f'{word} "{head["type"]}" "{head["name"]}" {{'] + (
                [f"  provider = {provider}"] if provider else []
            )
            made.append("\n".join([*lines, *_hcl_body(arguments, 1), "}"]))
        locals_ = self.modules.get("locals")
        if locals_:
            made.append(
                "locals {\n" + "\n".join(f"  {key} = {_hcl_value(value)}" for key, value in locals_.items()) + "\n}"
            )
        return "\n\n".join(made) + "\n"


def _module(address):
    head = address.split(".data.")[0] if ".data." in address else address
    parts = re.findall(r'module\.[^.\[]+(?:\["[^"]*"\]|\[\d+\])?', head)
    return ".".join(parts)


def _child(module, parent):
    if not module or module == parent or (parent and not module.startswith(f"{parent}.")):
        return ""
    rest = module[len(parent) + 1 :] if parent else module
    first = re.match(r'module\.[^.\[]+(?:\["[^"]*"\]|\[\d+\])?', rest)[0]
    return f"{parent}.{first}" if parent else first


def _type(address):
    head = _head(address)
    return f"data.{head['type']}" if head["mode"] == "data" else head["type"]


def _head(address):
    rest = address[len(_module(address)) :].lstrip(".")
    mode = "data" if rest.startswith("data.") else "managed"
    kind, _, name = rest.removeprefix("data.").partition(".")
    made = {"address": address, "mode": mode, "type": kind, "name": name.split("[")[0]}
    if "[" in name:
        key = name.split("[", 1)[1][:-1]
        made["index"] = int(key) if key.isdigit() else key.strip('"')
    return made


def _split(value):
    """Return a value without what is unknown, and what is, as Terraform marks it."""
    if value is UNKNOWN:
        return None, True
    if isinstance(value, dict):
        pairs = {key: _split(part) for key, part in value.items()}
        known = {key: part for key, (part, later) in pairs.items() if later is not True}
        return known, {key: later for key, (_, later) in pairs.items() if later or isinstance(later, dict | list)}
    if isinstance(value, list):
        pairs = [_split(part) for part in value]
        return [part for part, _ in pairs], [later for _, later in pairs]
    return value, False


def _expression(value):
    if isinstance(value, Expression):
        return {"references": value.references()}
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        return [
            {key: _expression(part) for key, part in one.items() if part is not None and part != []} for one in value
        ]
    inner = list(_inner(value))
    if inner:
        return {"references": [name for one in inner for name in one.references()]}
    return {"constant_value": value}


def _deletion(address, values):
    module = {"module_address": _module(address)} if _module(address) else {}
    change = {
        "actions": ["delete"],
        "before": values,
        "after": None,
        "after_unknown": {},
        "before_sensitive": {},
        "after_sensitive": False,
    }
    return {
        **_head(address),
        **module,
        "provider_name": _PROVIDER,
        "change": change,
        "action_reason": "delete_because_no_resource_config",
    }


def _hcl_body(arguments, depth):
    pad = "  " * depth
    for key, value in arguments.items():
        if value is None or value == []:
            continue
        if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
            for one in value:
                yield f"{pad}{key} {{"
                yield from _hcl_body(one, depth + 1)
                yield f"{pad}}}"
        else:
            yield f"{pad}{key} = {_hcl_value(value)}"


def _hcl_value(value):
    if isinstance(value, Expression):
        return value.hcl()
    if isinstance(value, dict):
        return "{ " + ", ".join(f'"{key}" = {_hcl_value(part)}' for key, part in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(_hcl_value(part) for part in value) + "]"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return json.dumps(value).replace("${", "$${") if isinstance(value, str) else str(value)
