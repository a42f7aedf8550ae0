"""The preferences that this deployment asks people for. This is the file to edit.

A field here is a key that clients can rely on: its type is checked, the contract describes it, and
it is null until somebody sets it. Any other key is kept as it is sent, so that a client can be
ahead of this file. Nothing else in the service knows the keys.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, JsonValue, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.limits import NAME_MAX_CHARACTERS, PREFERENCES_MAX_BYTES
from latchkey.http.bodies.fields import PersonName, shown, whole
from latchkey.http.bodies.validation import Body


def _wish(value: Any) -> Any:
    """Find what is wrong before the union does, which names its members as if they were fields."""
    if isinstance(value, str):
        return shown(value, NAME_MAX_CHARACTERS)
    value = whole(value)
    if not isinstance(value, int):
        raise PydanticCustomError(
            ProblemCode.WRONG_TYPE, "Send true, false, a whole number or a few words."
        )
    return value


type Wish = Annotated[bool | int | PersonName, BeforeValidator(_wish)]
"""Yes or no, a degree, or a word or two."""

_KEY = r"^[a-z][a-z0-9_]{0,63}$"

Key = Annotated[str, StringConstraints(pattern=_KEY)]


class PreferencesBody(Body):
    """How somebody likes the places where they work, and whatever else a client remembers."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"propertyNames": {"pattern": _KEY}})
    __pydantic_extra__: dict[Key, JsonValue]  # type: ignore[mutable-override] # pydantic's own way

    wifi: Wish | None = None
    noise_level: Wish | None = None
    power_outlets: Wish | None = None
    lighting: Wish | None = None
    seating: Wish | None = None
    other_preferences: JsonValue = None

    @model_validator(mode="after")
    def _small(self) -> PreferencesBody:
        text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > PREFERENCES_MAX_BYTES:
            words = f"Preferences take at most {PREFERENCES_MAX_BYTES} bytes of JSON."
            raise PydanticCustomError(ProblemCode.TOO_LARGE, words)
        return self

    @property
    def document(self) -> dict[str, Any]:
        """What was set, under any key."""
        return {name: value for name, value in self.model_dump().items() if value is not None}
