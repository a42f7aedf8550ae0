"""The preferences of this deployment. Edit this file to change them.

A field declared here is validated, is part of the contract, and is null until it is set. Any
other key is stored as it was sent, so that a client can be newer than this file. No other
module knows the keys.
"""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BeforeValidator, ConfigDict, JsonValue, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from latchkey.domain.errors import ProblemCode
from latchkey.domain.limits import NAME_MAX_CHARACTERS, PREFERENCES_MAX_BYTES
from latchkey.http.bodies.fields import PersonName, readable, whole
from latchkey.http.bodies.validation import Body


def _preference_value(value: Any) -> Any:
    """Check the type before the union does: pydantic would report the union's members as fields."""
    if isinstance(value, str):
        return readable(value, NAME_MAX_CHARACTERS)
    value = whole(value)
    if not isinstance(value, int):
        raise PydanticCustomError(
            ProblemCode.WRONG_TYPE, "Send true, false, a whole number or a short text."
        )
    return value


type PreferenceValue = Annotated[bool | int | PersonName, BeforeValidator(_preference_value)]
"""A boolean, a number such as a level, or a short text."""

_KEY = r"^[a-z][a-z0-9_]{0,63}$"

Key = Annotated[str, StringConstraints(pattern=_KEY)]


class PreferencesBody(Body):
    """Workplace preferences, plus any other key that a client stores."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"propertyNames": {"pattern": _KEY}})
    __pydantic_extra__: dict[Key, JsonValue]  # type: ignore[mutable-override] # pydantic's own way

    wifi: PreferenceValue | None = None
    noise_level: PreferenceValue | None = None
    power_outlets: PreferenceValue | None = None
    lighting: PreferenceValue | None = None
    seating: PreferenceValue | None = None
    other_preferences: JsonValue = None

    @model_validator(mode="after")
    def _small(self) -> PreferencesBody:
        text = json.dumps(self.document, ensure_ascii=False, separators=(",", ":"))
        if len(text.encode()) > PREFERENCES_MAX_BYTES:
            message = f"Preferences take at most {PREFERENCES_MAX_BYTES} bytes of JSON."
            raise PydanticCustomError(ProblemCode.TOO_LARGE, message)
        return self

    @property
    def document(self) -> dict[str, Any]:
        """All preferences that were set, including undeclared keys."""
        return {name: value for name, value in self.model_dump().items() if value is not None}
