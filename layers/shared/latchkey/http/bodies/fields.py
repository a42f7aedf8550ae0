"""The kinds of text that bodies are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.ids import id_pattern, is_id
from latchkey.domain.limits import (
    DEVICE_NAME_MAX_CHARACTERS,
    EMAIL_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    PASSWORD_MAX_CHARACTERS,
    PASSWORD_MIN_CHARACTERS,
    USERNAME_MAX_CHARACTERS,
    USERNAME_MIN_CHARACTERS,
)
from latchkey.domain.text import is_readable, to_kept_form
from latchkey.http.parameters import TEXT_FORMAT

if TYPE_CHECKING:
    from pydantic.config import JsonDict, JsonValue


def shown(text: str, max_characters: int) -> str:
    """Bring text that people will see into the form that is kept, and refuse what could deceive.

    The length is that of the kept form: so what we answer can be sent back.
    """
    kept = to_kept_form(text)
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
    return shown(text, NAME_MAX_CHARACTERS)


def _device_name(text: str) -> str:
    return shown(text, DEVICE_NAME_MAX_CHARACTERS)


def whole(value: object) -> object:
    """Take 36.0 as the whole number that it is in JSON. Source: JSON Schema 2020-12, 6.1.1."""
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


def string_required(*names: str) -> list[JsonValue]:
    """Describe in the contract that one of these fields is sent, and not as null."""
    return [{"properties": {name: {"type": "string"}}, "required": [name]} for name in names]


EmailText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=EMAIL_MAX_CHARACTERS + 66),
    Field(json_schema_extra={"format": "email", "maxLength": EMAIL_MAX_CHARACTERS}),
]
"""What may become an address once it is folded; `security.addresses` decides."""

UsernameText = Annotated[str, StringConstraints(min_length=1, max_length=EMAIL_MAX_CHARACTERS + 66)]
"""What somebody types as their username, whether there is one or not."""

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""Bounded before anything looks at it; `security.password_policy` decides on new ones."""

NEW_PASSWORD_FORMAT = "password"  # noqa: S105 - a format, not a secret
"""Marks new passwords in the contract, whose length a deployment may raise."""

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
"""A password that is to be kept; `security.password_policy` decides, with a code of its own."""

PersonName = Annotated[
    str, AfterValidator(_name), Field(json_schema_extra=shown_schema(NAME_MAX_CHARACTERS))
]

DeviceName = Annotated[
    str,
    AfterValidator(_device_name),
    Field(json_schema_extra=shown_schema(DEVICE_NAME_MAX_CHARACTERS)),
]

DeviceId = Annotated[
    str,
    StringConstraints(max_length=30),
    AfterValidator(_device_id),
    Field(json_schema_extra={"pattern": id_pattern("dev")}),
]
"""What an earlier sign-in answered; browsers have it in a cookie instead."""

Username = Annotated[
    str,
    StringConstraints(
        min_length=USERNAME_MIN_CHARACTERS,
        max_length=USERNAME_MAX_CHARACTERS,
        pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$",
    ),
]
"""ASCII, so that no two usernames look alike; never with an @, so that none is an address."""
