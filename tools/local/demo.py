"""Registers the demo user through the API."""

from __future__ import annotations

import httpx

from tools.local.processes import LocalError

EMAIL = "ada@example.com"
PASSWORD = "paper lantern harbour 42"  # noqa: S105 - opens nothing but this machine's stack


def register(base_url: str) -> None:
    """Register the demo user.

    Raises:
        LocalError: the API did not accept it.
    """
    answer = httpx.post(
        f"{base_url}/api/v1/auth/register",
        json={"email": EMAIL, "password": PASSWORD, "full_name": "Ada Lovelace"},
        timeout=30,
    )
    if not answer.is_success:
        raise LocalError(f"The demo user was refused: {answer.status_code} {answer.text[:500]}")
