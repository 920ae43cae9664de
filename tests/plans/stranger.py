"""A plan of Terraform 1.11 from the few lines that a case writes (`strangers.yaml`)."""

from __future__ import annotations

import re

_WORDS = ("later", "secret", "was", "says", "provider", "actions", "moved", "import")
_PROVIDER = "registry.terraform.io/hashicorp/aws"
_ADDRESS = re.compile(
    r'(?P<module>(?:module\.[^.\[]+(?:\["(?:[^"\\]|\\.)*"\])?\.)*)(?P<data>data\.)?(?P<type>\w+)\.(?P<name>\w+)(?:\[(?P<key>.+)\])?'
)


def plan(case):
    """Return the plan of a case as `terraform show -json` writes it."""
    changes = [_change(address, dict(said)) for address, said in case["made"].items()]
    return {
        "format_version": "1.2",
        "terraform_version": "1.11.4",
        "planned_values": {"root_module": _planned(changes)},
        "resource_changes": changes,
        "configuration": _configuration(case),
        **case.get("top", {}),
    }


def _head(address):
    found = _ADDRESS.fullmatch(address)
    key = found["key"]
    return {
        "address": address,
        **({"module_address": found["module"].rstrip(".")} if found["module"] else {}),
        "mode": "data" if found["data"] else "managed",
        "type": found["type"],
        "name": found["name"],
        **({} if key is None else {"index": int(key) if key.isdigit() else key.strip('"')}),
        "provider_name": _PROVIDER,
    }


def _change(address, said):
    after = {name: value for name, value in said.items() if name not in _WORDS}
    actions = said.get("actions", ["read"] if "data." in address else ["create"])
    before = said.get("was", None if actions in (["create"], ["read"]) else after)
    made = {"actions": actions, "before": before, "after": after, "after_unknown": said.get("later", {})}
    made |= {"before_sensitive": False, "after_sensitive": said.get("secret", {})}
    made |= {"importing": {"id": said["import"]}} if "import" in said else {}
    return {**_head(address), "change": made, **({"previous_address": said["moved"]} if "moved" in said else {})}


def _planned(changes):
    root = {"resources": []}
    modules = {}
    for one in changes:
        row = {key: value for key, value in one.items() if key not in {"change", "module_address", "previous_address"}}
        row |= {"schema_version": 0, "values": one["change"]["after"], "sensitive_values": {}}
        module = one.get("module_address", "")
        (root if not module else modules.setdefault(module, {"address": module, "resources": []}))["resources"].append(
            row
        )
    return root | ({"child_modules": list(modules.values())} if modules else {})


def _configuration(case):
    root = {"resources": [], "module_calls": {}}
    repeated = {"for_each_expression": {"references": ["var.all"]}}
    for module, expressions in case.get("calls", {}).items():
        inner = {"resources": [], "variables": {name: {} for name in expressions}}
        more = repeated if module in case.get("repeated", ()) else {}
        root["module_calls"][module.removeprefix("module.")] = {
            "source": "./modules",
            "expressions": expressions,
            "module": inner,
            **more,
        }
    for address, said in case["made"].items():
        head = _head(address)
        module = re.sub(r"\[.*?\]", "", head.get("module_address", "")).removeprefix("module.")
        where = (root["module_calls"][module]["module"] if module else root)["resources"]
        constants = {name: {"constant_value": one} for name, one in said.items() if name not in (*_WORDS,)}
        row = {key: head[key] for key in ("mode", "type", "name")} | {"schema_version": 0}
        row |= {"address": f"{'data.' if head['mode'] == 'data' else ''}{head['type']}.{head['name']}"}
        row |= {"provider_config_key": said.get("provider", "aws")}
        more = {} if "index" not in head else {"count_expression": {"references": ["local.count"]}}
        if any(one["address"] == row["address"] for one in where):
            continue
        blocks = said.get("says", {})
        where.append({**row, "expressions": {**_scalars(constants, blocks), **blocks}, **more})
    missing = case.get("blocks", {})
    for address in missing:
        head = _head(address)
        more = missing[address] if isinstance(missing, dict) else {}
        row = {"address": address, **{key: head[key] for key in ("mode", "type", "name")}, "provider_config_key": "aws"}
        root["resources"].append({**row, "expressions": {}, **more})
    return {"provider_config": {"aws": {"name": "aws", "full_name": _PROVIDER}}, "root_module": root}


def _scalars(constants, blocks):
    """Return the expressions of plain attributes; where a case says some itself, it says all that are blocks."""
    return {
        name: one
        for name, one in constants.items()
        if not blocks or not isinstance(one["constant_value"], list | dict) or name in blocks
    }
