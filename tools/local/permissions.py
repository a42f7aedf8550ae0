"""Says the deployed roles' statements in the words that MiniStack's IAM checks.

Where MiniStack asks for something else than AWS, a translation replaces or adds words. Each one
starts from a statement that the template has, and `tests/tools/test_local_permissions.py` holds
that none of them grants an action or a resource beyond it:

* AWS authorizes SendMessageBatch as SendMessage. MiniStack has an action of that name.
* AWS authorizes SendEmail on the identity, with the sender as a condition key. MiniStack authorizes
  it on `*` and knows no sender.
* AWS supplies dynamodb:LeadingKeys. MiniStack does not, so that the conditions on it refuse every
  call: they are removed. What they grant is tested in `tests/contract/test_permissions.py`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator

type Statement = dict[str, Any]

SEND_MESSAGE = "sqs:SendMessage"
SEND_MESSAGE_BATCH = "sqs:SendMessageBatch"
SEND_EMAIL = "ses:SendEmail"
LEADING_KEYS = "dynamodb:LeadingKeys"


def translate(emulator: Emulator, deployment: Deployment) -> None:
    """Translate the inline policies of every role of the deployment."""
    iam = emulator.client("iam")
    for logical_id, resource in deployment.template["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        role = deployment.physical_ids[logical_id]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            stored = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
            document = stored if isinstance(stored, dict) else json.loads(stored)
            statements = _as_list(document["Statement"])
            if (translated := translations(statements)) != statements:
                document["Statement"] = translated
                iam.put_role_policy(
                    RoleName=role, PolicyName=name, PolicyDocument=json.dumps(document)
                )


def translations(statements: Iterable[Statement]) -> list[Statement]:
    """Return what MiniStack takes for these statements."""
    return [said for statement in statements for said in _translate(statement)]


def _translate(statement: Statement) -> list[Statement]:
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
