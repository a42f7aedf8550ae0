"""The body of a registration."""

from __future__ import annotations

from typing import ClassVar

from latchkey.http.bodies.auth import TokenTransport
from latchkey.http.bodies.fields import (
    DeviceIdText,
    DeviceName,
    EmailText,
    NewPassword,
    PersonName,
    Username,
)
from latchkey.http.bodies.languages import LanguageTag
from latchkey.http.bodies.validation import Body


class RegisterBody(Body):
    """A new account."""

    SECRETS: ClassVar[set[str]] = {"password"}

    email: EmailText
    password: NewPassword
    full_name: PersonName | None = None
    username: Username | None = None
    speaking_language: LanguageTag | None = None
    listening_language: LanguageTag | None = None
    device_name: DeviceName | None = None
    device_id: DeviceIdText | None = None
    token_transport: TokenTransport = "body"  # noqa: S105 - a way, not a secret
