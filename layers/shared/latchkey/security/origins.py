"""The origin of a request, sealed for the log. Only the account's key can open it."""

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
    # Without names, which would be a fifth of the line in a pack. `read_personal` adds them.
    plain = json.dumps([ip_address, device], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.b64encode(
        seal(subject.key, plain, request_place(subject.id, request_id))
    ).decode()


_NAMES = ("ip_address", "device")


def read_personal(plain: bytes) -> dict[str, str]:
    """Parse the opened data of a row: of a change, or the origin of a request."""
    content: dict[str, str] | list[str] = json.loads(plain)
    # Rows of changes have names, and so do requests that earlier versions recorded.
    return dict(zip(_NAMES, content, strict=True)) if isinstance(content, list) else content
