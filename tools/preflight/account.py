"""Read-only access to an AWS account. Other operations are refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

READ_ONLY = ("get_", "list_", "describe_")

_ACTION_PREFIX = {"sesv2": "ses"}
_ACTION = {"s3:ListBuckets": "s3:ListAllMyBuckets"}
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
_ABSENT = frozenset(
    {
        "NotFoundException",
        "ResourceNotFoundException",
        "NoSuchHostedZone",
        "ParameterNotFound",
        "WAFNonexistentItemException",
    }
)


class Denied(Exception):
    """The caller may not do this. Has the missing permission."""

    def __init__(self, permission: str) -> None:
        """Store the permission, such as `ses:GetAccount`."""
        super().__init__(permission)
        self.permission = permission


class Account:
    """An AWS account in one region, with the caller's credentials."""

    def __init__(self, region: str, make_client: Callable[..., Any] = boto3.client) -> None:
        """Use this region, unless a call names another one."""
        self.region = region
        self._make_client = make_client
        self._clients: dict[tuple[str, str], Any] = {}

    def ask(self, service: str, operation: str, region: str | None = None, **fields: Any) -> Any:
        """Call one operation, named as in boto3.

        Raises Denied, and botocore's errors.
        """
        client = self._client(service, operation, region)
        try:
            return getattr(client, operation)(**fields)
        except ClientError as error:
            raise _denied(error, service) or error from None

    def find(self, service: str, operation: str, region: str | None = None, **fields: Any) -> Any:
        """Call one operation. Returns None if the resource does not exist. Raises as `ask`."""
        try:
            return self.ask(service, operation, region, **fields)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return None
            raise

    def list_all(
        self, service: str, operation: str, key: str, region: str | None = None, **fields: Any
    ) -> Iterator[Any]:
        """Call a paginated operation, and return the entries under `key`.

        key  may be a path, such as `CachePolicyList.Items`
        """
        pages = self._client(service, operation, region).get_paginator(operation)
        try:
            for page in pages.paginate(**fields):
                found: Any = page
                for name in key.split("."):
                    found = found.get(name) or {}
                yield from found
        except ClientError as error:
            raise _denied(error, service) or error from None

    def _client(self, service: str, operation: str, region: str | None) -> Any:
        if not operation.startswith(READ_ONLY):
            msg = f"{service}.{operation} is not read-only"
            raise ValueError(msg)
        place = region or self.region
        if (service, place) not in self._clients:
            self._clients[service, place] = self._make_client(service, region_name=place)
        return self._clients[service, place]


def permission(service: str, operation_name: str) -> str:
    """Return the IAM action of an operation, such as `ses:GetAccount`."""
    action = f"{_ACTION_PREFIX.get(service, service)}:{operation_name}"
    return _ACTION.get(action, action)


def _denied(error: ClientError, service: str) -> Denied | None:
    if error.response["Error"]["Code"] not in _DENIED:
        return None
    return Denied(permission(service, error.operation_name))
