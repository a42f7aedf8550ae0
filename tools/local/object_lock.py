"""Enables Object Lock on the audit bucket, which MiniStack's CloudFormation ignores.

Days and mode are those of the template.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator


def lock_audit_bucket(emulator: Emulator, deployment: Deployment) -> None:
    """Lock the bucket if the stack has AuditLockDays."""
    stack = emulator.client("cloudformation").describe_stacks(StackName=deployment.name)["Stacks"]
    given = {p["ParameterKey"]: p["ParameterValue"] for p in stack[0]["Parameters"]}
    profile = deployment.template["Mappings"]["Profiles"][given["Profile"]]
    days = int(given["AuditLockDays"] or profile["AuditLockDays"])
    if days:
        bucket = deployment.template["Resources"]["AuditBucket"]["Properties"]
        _, configuration, _ = bucket["ObjectLockConfiguration"]["Fn::If"]
        retention = {**configuration["Rule"]["DefaultRetention"], "Days": days}
        emulator.client("s3").put_object_lock_configuration(
            Bucket=deployment.outputs["AuditBucketName"],
            ObjectLockConfiguration={**configuration, "Rule": {"DefaultRetention": retention}},
        )
