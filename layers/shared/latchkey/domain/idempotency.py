"""Idempotency keys: a repeated request has one effect."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.values import dataclass

if TYPE_CHECKING:
    from latchkey.domain.ids import AccountId, DeviceId, ExportId


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A client's key for one request.

    digest       of the operation and the key that was sent
    fingerprint  of the request's body, so that a key that is reused for another request is detected
    """

    digest: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedAccount:
    """What a registration created."""

    account_id: AccountId
    device_id: DeviceId


@dataclass(frozen=True, slots=True, kw_only=True)
class CreatedExport:
    """What a request for an export created."""

    export_id: ExportId
