"""The kinds of text that bodies are made of."""

from __future__ import annotations

import unicodedata
from typing import Annotated

from pydantic import AfterValidator, StringConstraints
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.ids import is_id
from latchkey.domain.limits import (
    DEVICE_NAME_MAX_CHARACTERS,
    EMAIL_MAX_CHARACTERS,
    NAME_MAX_CHARACTERS,
    USERNAME_MAX_CHARACTERS,
    USERNAME_MIN_CHARACTERS,
)


def shown(text: str) -> str:
    """Bring text that people will see into one form, and refuse what could deceive them.

    Control characters break logs and pages; direction overrides make one name read as another.
    """
    text = " ".join(unicodedata.normalize("NFC", text).split(" ")).strip()
    if any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} for c in text):
        raise PydanticCustomError(
            ProblemCode.FORBIDDEN_CHARACTER, "Control and direction characters are not allowed."
        )
    if not text:
        raise PydanticCustomError(ProblemCode.TOO_SHORT, "This is too short.")
    return text


def _device_id(text: str) -> str:
    if not is_id("dev", text):
        raise PydanticCustomError(
            ProblemCode.INVALID, "Send the device_id of an earlier sign-in, or none."
        )
    return text


EmailText = Annotated[str, StringConstraints(min_length=1, max_length=EMAIL_MAX_CHARACTERS + 66)]
"""What may become an address once it is folded; `security.addresses` decides."""

PasswordText = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
"""Bounded before anything looks at it; `security.passwords` decides on new ones."""

PersonName = Annotated[
    str, StringConstraints(max_length=NAME_MAX_CHARACTERS), AfterValidator(shown)
]

DeviceName = Annotated[
    str, StringConstraints(max_length=DEVICE_NAME_MAX_CHARACTERS), AfterValidator(shown)
]

DeviceId = Annotated[str, StringConstraints(max_length=30), AfterValidator(_device_id)]
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
