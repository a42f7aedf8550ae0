"""Preferences as they are returned: the fields of the body, and every undeclared key."""

from __future__ import annotations

from typing import Any

from latchkey.http.bodies.preferences import PreferencesBody


class PreferencesView(PreferencesBody):
    """The preferences of an account. A declared key that was never set is null."""

    @classmethod
    def of(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Return stored preferences without validation: a stricter model must hide nothing."""
        return {**dict.fromkeys(cls.model_fields), **document}
