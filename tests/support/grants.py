"""The statements of the deployed roles, from the transformed template of the test stack."""

from __future__ import annotations

from functools import cache
from typing import Any

from tests.support.recorded_service import ACCOUNT, CONFIGURATION_SET, NAMES, REGION
from tests.support.service import ENVIRONMENT
from tools.resolved import Stack, resolved
from tools.transformed import transformed


@cache
def deployed(**parameters: str) -> dict[str, Any]:
    """Return the resources of a stack whose names are those that `RecordedService` uses."""
    given = {
        "Profile": "dev",
        "MailSender": ENVIRONMENT["MAIL_SENDER"],
        "MailConfigurationSet": CONFIGURATION_SET,
        **parameters,
    }
    template, _ = transformed(given)
    queues = {
        name: name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::SQS::Queue"
    }
    stack = Stack(
        name="test",  # as in KEY_PARAMETER_PREFIX
        region=REGION,
        account=ACCOUNT,
        parameters=given,
        names={**NAMES, **queues},
    )
    return resolved(template, stack)


@cache
def role_statements(function: str, **parameters: str) -> list[dict[str, Any]]:
    """Return the statements of a function's role: all of them, for it has no managed policy."""
    role = deployed(**parameters)[f"{function}Role"]["Properties"]
    assert not role.get("ManagedPolicyArns")
    assert not role.get("PermissionsBoundary")
    return [
        statement
        for policy in role["Policies"]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
