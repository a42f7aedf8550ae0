"""Enables TTL and point-in-time recovery of tables, which MiniStack's CloudFormation ignores.

Both follow the template. The emulator's TTL removes an item within a minute and, unlike DynamoDB's,
creates no stream record.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.local.deployment import Deployment
    from tools.local.emulator import Emulator


def complete_tables(emulator: Emulator, deployment: Deployment) -> None:
    """Enable what the template sets for each table."""
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
