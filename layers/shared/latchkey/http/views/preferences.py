"""Preferences as they are shown: the body that set them, with every key of ours."""

from __future__ import annotations

from typing import Any

from latchkey.http.bodies.preferences import PreferencesBody


class PreferencesView(PreferencesBody):
    """Somebody's preferences; a described key that was never set is null."""

    @classmethod
    def of(cls, document: dict[str, Any]) -> dict[str, Any]:
        """Show what was set. It was validated when it came in: a stricter model hides nothing."""
        return {**dict.fromkeys(cls.model_fields), **document}
