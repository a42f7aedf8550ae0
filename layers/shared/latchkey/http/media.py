"""Where the media that accounts name are served."""

from __future__ import annotations

from latchkey import bootstrap


def avatar_url(avatar_id: str | None) -> str | None:
    """Return where an avatar is; a new picture is elsewhere, so that any cache may keep this."""
    if avatar_id is None:
        return None
    return f"{bootstrap.services().config.media_url}/media/avatars/{avatar_id}.webp"
