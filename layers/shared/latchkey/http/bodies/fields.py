"""Types of text fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from latchkey.domain.clock import parse_time
from latchkey.domain.errors import ProblemCode
from latchkey.domain.ids import AccountId, DeviceId, id_pattern, is_id
from latchkey.domain.limits import (
    DEVICE_NAME_MAX_CHARACTERS,
    EMAIL_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
    USERNAME_MAX_CHARACTERS,
    USERNAME_MIN_CHARACTERS,
)
from latchkey.domain.text import is_readable, to_stored_form

if TYPE_CHECKING:
    from datetime import datetime

    from pydantic.config import JsonDict, JsonValue

TEXT_FORMAT = "text"
"""The contract's format of text for people. `domain.text` lists the allowed characters."""

NETWORK_FORMAT = "ip-or-network"
"""The contract's format of an IP address or a network. The search limits the network's size."""

WORD_MAX_CHARACTERS = 254
"""Maximum length of a search term. Source: EMAIL_MAX_CHARACTERS, the longest one."""

_TIME_MESSAGE = "Send a time with its zone: 2026-01-02T03:04:05Z."


def readable(text: str, max_characters: int) -> str:
    """Return a readable text in its stored form.

    The limits apply to the stored form, so that a client can send back what it received. Raises
    PydanticCustomError for control, direction and invisible characters.
    """
    kept = to_stored_form(text)
    if not kept:
        raise PydanticCustomError(ProblemCode.TOO_SHORT, "This is too short.")
    if len(kept) > max_characters:
        raise PydanticCustomError(ProblemCode.TOO_LONG, "This is too long.")
    if not is_readable(kept):
        raise PydanticCustomError(
            ProblemCode.FORBIDDEN_CHARACTER,
            "Control, direction and invisible characters are not allowed.",
        )
    return kept


def _name(text: str) -> str:
    return readable(text, NAME_MAX_CHARACTERS)


def _device_name(text: str) -> str:
    return readable(text, DEVICE_NAME_MAX_CHARACTERS)


def whole(value: object) -> object:
    """Accept 36.0 as a whole number. Source: JSON Schema 2020-12, 6.1.1."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown_schema(max_characters: int) -> JsonDict:
    """Describe such text in the contract."""
    return {"format": TEXT_FORMAT, "minLength": 1, "maxLength": max_characters}


def _device_id(text: str) -> str:
    if not is_id("dev", text):
        raise PydanticCustomError(
            ProblemCode.INVALID, "Send the device_id of an earlier sign-in, or none."
        )
    return text


def _user_id(text: str) -> str:
    if not is_id("usr", text):
        raise PydanticCustomError(ProblemCode.NOT_AN_ID, "Send an id: usr_….")
    return text


def _time(value: object) -> datetime:
    if not isinstance(value, str):
        raise PydanticCustomError(ProblemCode.WRONG_TYPE, _TIME_MESSAGE)
    try:
        return parse_time(value)
    except ValueError:
        raise PydanticCustomError(ProblemCode.NOT_A_TIME, _TIME_MESSAGE) from None


def string_required(*names: str) -> list[JsonValue]:
    """Return a JSON Schema that requires one of these fields as a string."""
    return [{"properties": {name: {"type": "string"}}, "required": [name]} for name in names]


EmailText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=EMAIL_MAX_CHARACTERS + 66),
    Field(json_schema_extra={"format": "email", "maxLength": EMAIL_MAX_CHARACTERS}),
]
"""Text that may be an email address. `security.addresses` normalizes and checks it."""

UsernameText = Annotated[str, StringConstraints(min_length=1, max_length=EMAIL_MAX_CHARACTERS + 66)]
"""A username as it was typed at sign-in. It need not exist."""

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""A typed password, limited in length before it is processed."""

NEW_PASSWORD_FORMAT = "password"  # noqa: S105 - a format, not a secret
"""The contract's format of new passwords. A deployment may raise their minimum length."""

NewPassword = Annotated[
    PasswordText,
    Field(
        json_schema_extra={
            "format": NEW_PASSWORD_FORMAT,
            "minLength": PASSWORD_MIN_CHARACTERS,
            "maxLength": PASSWORD_MAX_CHARACTERS,
        }
    ),
]
"""A new password. `security.password_policy` checks it and has an error code of its own."""

PersonName = Annotated[
    str, AfterValidator(_name), Field(json_schema_extra=shown_schema(NAME_MAX_CHARACTERS))
]

DeviceName = Annotated[
    str,
    AfterValidator(_device_name),
    Field(json_schema_extra=shown_schema(DEVICE_NAME_MAX_CHARACTERS)),
]

DeviceIdText = Annotated[
    DeviceId,
    StringConstraints(max_length=30),
    AfterValidator(_device_id),
    Field(json_schema_extra={"pattern": id_pattern("dev")}),
]
"""The `device_id` of an earlier sign-in. Browsers have it in a cookie instead."""

UserId = Annotated[
    AccountId, AfterValidator(_user_id), Field(json_schema_extra={"pattern": id_pattern("usr")})
]
"""An account's id. Nothing is looked up."""

Moment = Annotated[AwareDatetime, BeforeValidator(_time)]
"""A time with its zone, as RFC 3339 writes it."""

Username = Annotated[
    str,
    StringConstraints(
        min_length=USERNAME_MIN_CHARACTERS,
        max_length=USERNAME_MAX_CHARACTERS,
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$",
    ),
]
"""ASCII, so that no two usernames look alike. No `@`, so that a username is never an address."""
