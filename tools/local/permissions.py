"""Translates the statements of roles into those that MiniStack's IAM evaluates.

Where MiniStack checks something else than AWS, a translation replaces or adds entries, before the
template is deployed: custom resources invoke functions meanwhile. Each one starts from a statement
of the template, and `tests/tools/test_local_permissions.py` verifies that none of them grants
an action or a resource beyond it:

* AWS authorizes SendMessageBatch as SendMessage. MiniStack has an action of that name.
* AWS authorizes SendEmail on the identity, with the sender as a condition key. MiniStack authorizes
  it on `*` and knows no sender.
* AWS supplies dynamodb:LeadingKeys. MiniStack does not, so that the conditions on it refuse every
  call: they are removed. What they grant is tested in `tests/contract/test_permissions.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

type Statement = dict[str, Any]

SEND_MESSAGE = "sqs:SendMessage"
SEND_MESSAGE_BATCH = "sqs:SendMessageBatch"
SEND_EMAIL = "ses:SendEmail"
LEADING_KEYS = "dynamodb:LeadingKeys"


def translate(built: Path, translated: Path) -> None:
    """Translate every role of a template that `sam build` has written."""
    template = yaml.safe_load(built.read_text())
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Role":
            for policy in resource["Properties"]["Policies"]:
                document = policy["PolicyDocument"]
                document["Statement"] = translations(document["Statement"])
    translated.write_text(yaml.safe_dump(template, sort_keys=False))


def translations(statements: Iterable[Statement]) -> list[Statement]:
    """Return the statements for MiniStack."""
    return [said for statement in statements for said in _translate(statement)]


def _translate(statement: Statement) -> list[Statement]:
    if "Fn::If" in statement:
        condition, *either = statement["Fn::If"]
        # One statement stays one: only the lists of resources and actions grow.
        return [{"Fn::If": [condition, *translations(either)]}]
    if "Ref" in statement:
        return [statement]  # AWS::NoValue
    actions = _as_list(statement["Action"])
    if SEND_MESSAGE in actions:
        return [{**statement, "Action": [*actions, SEND_MESSAGE_BATCH]}]
    if actions == [SEND_EMAIL]:
        kept = {name: part for name, part in statement.items() if name != "Condition"}
        return [{**kept, "Resource": "*"}]
    return [_without_leading_keys(statement)]


def _without_leading_keys(statement: Statement) -> Statement:
    left = {
        operator: kept
        for operator, keys in statement.get("Condition", {}).items()
        if (kept := {name: value for name, value in keys.items() if name != LEADING_KEYS})
    }
    unconditional = {name: part for name, part in statement.items() if name != "Condition"}
    return {**unconditional, "Condition": left} if left else unconditional


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
