"""What a device says of itself, turned into what its owner recognises. Once, at sign-in."""

from __future__ import annotations

import unicodedata

from user_agents import parse

from latchkey.domain.limits import DEVICE_NAME_MAX_CHARACTERS
from latchkey.domain.session import Device

_FROZEN_OS_VERSIONS = {("Windows", "10"), ("Mac OS X", "10.15.7"), ("Android", "10")}
"""Every Chrome and Safari of today sends these, whatever the machine runs."""

_PLAIN_NAMES = {"Mac OS X": "macOS", "Mobile Safari": "Safari", "Chrome Mobile": "Chrome"}
_MOBILE_SUFFIXES = (" Mobile iOS", " iOS", " Mobile", " WebView")
_MEANINGLESS_MODELS = {"Other", "K", "Generic Smartphone", "Generic Tablet", "Mac"}


def describe(user_agent: str, *, device_name: str | None = None) -> Device:
    """Describe a device by its user agent; a native app's own name for it goes before.

    user_agent is cut to USER_AGENT_MAX_CHARACTERS by whoever read it. What is not known is None.
    """
    parsed = parse(user_agent)
    browser = _plain(parsed.browser.family)
    system = _plain(parsed.os.family)
    system_version: str | None = parsed.os.version_string or None
    if (parsed.os.family, system_version) in _FROZEN_OS_VERSIONS:
        system_version = None
    return Device(
        name=clean_device_name(device_name or "") or _label(browser, system),
        browser=browser,
        browser_version=(parsed.browser.version_string or None) if browser else None,
        os=system,
        os_version=system_version if system else None,
        model=_model(parsed.device.model),
        type=_type(parsed),
    )


def clean_device_name(text: str) -> str:
    """Make a device's name safe to show: no control or direction characters, bounded, trimmed."""
    visible = "".join(c for c in text if not unicodedata.category(c).startswith("C"))
    return " ".join(visible.split())[:DEVICE_NAME_MAX_CHARACTERS].strip()


def _plain(family: str) -> str | None:
    if family == "Other":
        return None
    family = _PLAIN_NAMES.get(family, family)
    for suffix in _MOBILE_SUFFIXES:
        family = family.removesuffix(suffix)
    return family


def _label(browser: str | None, system: str | None) -> str:
    if browser and system:
        return f"{browser} on {system}"
    return browser or system or "Unknown device"


def _model(model: str | None) -> str | None:
    return None if not model or model in _MEANINGLESS_MODELS else model


def _type(parsed: object) -> str:
    for kind, flag in (
        ("bot", "is_bot"),
        ("tablet", "is_tablet"),
        ("mobile", "is_mobile"),
        ("desktop", "is_pc"),
    ):
        if getattr(parsed, flag):
            return kind
    return "unknown"
