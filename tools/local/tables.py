"""Gives the tables what MiniStack's CloudFormation leaves out: TTL and point-in-time recovery.

Both are switched on as the template says. The emulator's TTL removes an item within a minute of its
time and, unlike DynamoDB's, makes no stream record of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator


def complete_tables(emulator: Emulator, deployment: Deployment) -> None:
    """Switch on what the template asks for, for each of its tables."""
    dynamodb = emulator.client("dynamodb")
    for logical_id, resource in deployment.template["Resources"].items():
        if resource["Type"] != "AWS::DynamoDB::Table":
            continue
        name = deployment.physical_ids[logical_id]
        properties = resource["Properties"]
        if ttl := properties.get("TimeToLiveSpecification"):
            dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=ttl)
        if recovery := properties.get("PointInTimeRecoverySpecification"):
            dynamodb.update_continuous_backups(
                TableName=name, PointInTimeRecoverySpecification=recovery
            )
