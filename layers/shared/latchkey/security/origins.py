"""Seals the origin of a request for the log. Only the account's key can open it."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from latchkey.domain.audit import request_place
from latchkey.security.sealing import seal

if TYPE_CHECKING:
    from latchkey.domain.audit import AuditSubject


def seal_origin(subject: AuditSubject, *, ip_address: str, device: str, request_id: str) -> str:
    """Seal the IP address and the device's name for the row of this request. Returns base 64."""
    personal = {"ip_address": ip_address, "device": device}
    plain = json.dumps(personal, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(
        seal(subject.key, plain, request_place(subject.id, request_id))
    ).decode()
