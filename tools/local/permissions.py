"""Grants what MiniStack's IAM asks for where AWS asks for something else.

AWS counts SendMessageBatch as SendMessage; MiniStack wants it by its own name. AWS checks SendEmail
on the sender's identity, with the sender's address as a condition; MiniStack checks it on `*` and
knows no address. Both are added to the deployed policies that grant what AWS asks for, so that a
function that the template does not grant it to is refused here, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator

SEND_MESSAGE = "sqs:SendMessage"
SEND_EMAIL = "ses:SendEmail"


def translate(emulator: Emulator, deployment: Deployment) -> None:
    """Add MiniStack's own words to every policy that has AWS's."""
    iam = emulator.client("iam")
    for logical_id, resource in deployment.template["Resources"].items():
        if resource["Type"] != "AWS::IAM::ManagedPolicy":
            continue
        arn = deployment.physical_ids[logical_id]
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        stored = iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]
        statements = _as_list(_document(stored["Document"])["Statement"])
        added = [extra for statement in statements for extra in _translations(statement)]
        if added:
            document = {"Version": "2012-10-17", "Statement": [*statements, *added]}
            iam.create_policy_version(
                PolicyArn=arn, PolicyDocument=json.dumps(document), SetAsDefault=True
            )


def _translations(statement: dict[str, Any]) -> list[dict[str, Any]]:
    actions = _as_list(statement["Action"])
    added = []
    if SEND_MESSAGE in actions:
        added.append({**statement, "Action": "sqs:SendMessageBatch"})
    if SEND_EMAIL in actions:
        added.append({"Effect": "Allow", "Action": SEND_EMAIL, "Resource": "*"})
    return added


def _document(stored: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(stored) if isinstance(stored, str) else stored
    return document


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
