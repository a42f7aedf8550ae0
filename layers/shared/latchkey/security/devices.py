"""Describes a device from its user agent and client hints, once at sign-in.

Browsers no longer name their real system: Chrome's user agent has Windows 10, macOS 10.15.7 or
Android 10 on every machine. A version that may be wrong is not shown. Client hints, if sent, have
the real one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from latchkey.domain.limits import DEVICE_NAME_MAX_CHARACTERS, USER_AGENT_MAX_CHARACTERS
from latchkey.domain.session import Device
from latchkey.domain.text import is_readable, readable_part
from latchkey.domain.values import dataclass
from latchkey.security.client_hints import ClientHints, read_client_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

    from user_agents.parsers import UserAgent

_FROZEN_OS_VERSIONS = {
    ("Windows", "10"),
    ("Mac OS X", "10.15.7"),
    ("Mac OS X", "10.15"),
}
"""Current Chrome, Firefox and Safari send these on every machine."""

_FROZEN_ANDROID_MODEL = "K"
"""Chrome's `Android 10; K`. Source: the Chromium project, "User-Agent Reduction"."""

_IOS_FROZEN_SINCE_SAFARI = 26
"""From iOS 26 on, Safari's user agent names iOS 18 for ever. Source: WebKit, Safari 26 features."""

_PLAIN_NAMES = {
    "Mac OS X": "macOS",
    "Chrome OS": "ChromeOS",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "HeadlessChrome": "Headless Chrome",
}
_MOBILE_SUFFIXES = (" iOS", " WebView", " Mobile")
_MEANINGLESS_MODELS = {
    "Desktop",
    "Generic Smartphone",
    "Generic Tablet",
    "K",
    "Mac",
    "Other",
    "Smartphone",
    "Tablet",
    "iOS-Device",
}
_IOS_BROWSERS = ("CriOS/", "FxiOS/", "EdgiOS/", "OPiOS/", "OPT/")
"""Browsers that exist only for iPhones and iPads. On a "Macintosh" the device is an iPad."""

_MAC_OR_IPAD = "macOS or iPadOS"
"""Safari on an iPad sends exactly the user agent of a Mac."""

_WINDOWS_11_PLATFORM_VERSION = 13
"""Source: Microsoft, "Detect Windows 11 using User-Agent Client Hints"."""

_OLD_WINDOWS = {"0.1": "7", "0.2": "8", "0.3": "8.1"}
_TEXT_MAX_CHARACTERS = 64
_PARSED_KEPT = 256
"""User agents whose parts are kept. A parse tries up to a thousand regular expressions."""

_VERSION = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}){0,3}")


def describe(
    user_agent: str,
    *,
    client_hints: Mapping[str, str] | None = None,
    device_name: str | None = None,
) -> Device:
    """Describe a device. The name of a native app takes precedence over ours.

    The caller cuts user_agent to USER_AGENT_MAX_CHARACTERS. Unknown parts are None.
    """
    parsed = _parse(user_agent)
    hints = read_client_hints(client_hints)
    browser = hints.browser or _plain(parsed.browser.family)
    system, version = _system(parsed, hints, user_agent)
    kind = _type(parsed, hints, user_agent)
    app = _native_app(user_agent)
    if app is not None:
        browser, system, kind = app.name, app.system or system, app.type or kind
    return Device(
        name=clean_device_name(device_name or "") or _label(browser, system),
        browser=browser,
        browser_version=_browser_version(parsed, browser, app),
        os=system,
        os_version=version,
        model=(app and app.model) or _model(parsed, hints, user_agent) or _desktop(kind, system),
        type=kind,
    )


@lru_cache(_PARSED_KEPT)
def _parse(user_agent: str) -> UserAgent:
    # It compiles a thousand regular expressions. Only the first sign-in of a process needs them.
    from user_agents import parse  # noqa: PLC0415 - see above

    return parse(user_agent)


def clean_device_name(text: str) -> str:
    """Make a device's name safe to show: allowed characters, limited length, trimmed."""
    bounded = " ".join(readable_part(text[:USER_AGENT_MAX_CHARACTERS]).split())
    # Again, because the cut may have left a joiner at the end.
    name = readable_part(bounded[:DEVICE_NAME_MAX_CHARACTERS]).strip()
    return name if is_readable(name) else ""


# The system ----------------------------------------------------------------------------------


def _system(parsed: object, hints: ClientHints, user_agent: str) -> tuple[str | None, str | None]:
    """Return the operating system and its version, or None for an unreliable version."""
    system = _HINTED_SYSTEMS.get(hints.platform or "")
    if system is not None:
        return system, _hinted_version(system, hints.platform_version)
    family: str = parsed.os.family  # type: ignore[attr-defined]
    if _is_ipad(user_agent):
        return "iPadOS", None if family == "Mac OS X" else _ios_version(parsed)
    if family == "Mac OS X" and _is_safari(parsed):
        return _MAC_OR_IPAD, None
    system = _named(family)
    return system, _own_version(parsed, user_agent) if system else None


_HINTED_SYSTEMS = {
    "Windows": "Windows",
    "macOS": "macOS",
    "Android": "Android",
    "Chrome OS": "ChromeOS",
    "Chromium OS": "ChromeOS",
    "Linux": "Linux",
}


def _hinted_version(system: str, version: str | None) -> str | None:
    if version is None or _VERSION.fullmatch(version) is None:
        return None
    if system == "Windows":
        major = int(version.partition(".")[0])
        if major == 0:
            return _OLD_WINDOWS.get(".".join(version.split(".")[:2]))
        return "11" if major >= _WINDOWS_11_PLATFORM_VERSION else "10"
    # The version of a kernel or a build, which people don't know.
    return None if system in {"Linux", "ChromeOS"} else _short(version)


def _own_version(parsed: object, user_agent: str) -> str | None:
    family: str = parsed.os.family  # type: ignore[attr-defined]
    version: str = parsed.os.version_string  # type: ignore[attr-defined]
    if (family, version) in _FROZEN_OS_VERSIONS or family == "Chrome OS":
        return None
    if family == "Android" and re.search(rf"; {_FROZEN_ANDROID_MODEL}[;)]", user_agent):
        return None
    return _ios_version(parsed) if family == "iOS" else _short(version)


def _ios_version(parsed: object) -> str | None:
    version: str = parsed.os.version_string  # type: ignore[attr-defined]
    browser = parsed.browser  # type: ignore[attr-defined]
    if browser.family == "Mobile Safari" and (browser.version or (0,))[0]:
        frozen = browser.version[0] >= _IOS_FROZEN_SINCE_SAFARI
        return None if frozen and version.startswith("18.") else _short(version)
    return _short(version)


def _is_safari(parsed: object) -> bool:
    return parsed.browser.family in {"Safari", "Mobile Safari"}  # type: ignore[attr-defined]


def _is_ipad(user_agent: str) -> bool:
    if "iPad" in user_agent:
        return True
    return "Macintosh" in user_agent and any(name in user_agent for name in _IOS_BROWSERS)


# Names, models and versions ------------------------------------------------------------------


def _plain(family: str) -> str | None:
    """Return the name of a browser without its platform. " Mobile" is a part of some names."""
    for suffix in _MOBILE_SUFFIXES:
        family = family.removesuffix(suffix)
    return _named(family)


def _named(family: str) -> str | None:
    return None if family == "Other" else _text(_PLAIN_NAMES.get(family, family))


def _short(version: str | None) -> str | None:
    """Remove the trailing zeros of a reduced user agent: 142.0.0 becomes 142."""
    while version and version.endswith(".0"):
        version = version.removesuffix(".0")
    return _text(version)


def _text(text: str | None) -> str | None:
    """Limit the length of a part of a user agent. Clients can send any text."""
    return clean_device_name(text or "")[:_TEXT_MAX_CHARACTERS] or None


def _label(browser: str | None, system: str | None) -> str:
    if system == _MAC_OR_IPAD:
        system = "Mac or iPad"
    if browser and system and browser != system:
        return clean_device_name(f"{browser} on {system}")
    return browser or system or "Unknown device"


def _model(parsed: object, hints: ClientHints, user_agent: str) -> str | None:
    if hints.model is not None:
        return _text(hints.model)
    if _is_ipad(user_agent):
        return "iPad"
    model: str | None = parsed.device.model  # type: ignore[attr-defined]
    return None if not model or model in _MEANINGLESS_MODELS else _text(model)


def _desktop(kind: str, system: str | None) -> str | None:
    """Name a computer of unknown model. Safari on an iPad looks like Safari on a Mac."""
    return "Desktop" if kind == "desktop" and system != _MAC_OR_IPAD else None


def _browser_version(parsed: object, browser: str | None, app: _NativeApp | None) -> str | None:
    if app is not None:
        return _short(app.version)
    version: str = parsed.browser.version_string  # type: ignore[attr-defined]
    return _short(version) if browser else None


# Native apps ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _NativeApp:
    """An app or an HTTP library whose name is the first part of the user agent."""

    name: str
    version: str
    system: str | None = None
    model: str | None = None
    type: str | None = None


_PRODUCT = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9 ._+-]{0,39}?)/(?P<version>[0-9][0-9A-Za-z.]*)")
_ANDROID = re.compile(
    r"Android [0-9.]+; (?:[a-z]{2}[-_][A-Za-z]{2}; )?(?P<model>[^;)]{1,40}?)(?: Build/[^;)]*)?[;)]"
)
_APPLE_MODEL = re.compile(r"\b(?P<model>(?P<family>iPhone|iPad)[0-9]*(?:,[0-9]+)?)\b")
_NOT_APPS = {"Mozilla", "Opera", "Dalvik", "python-requests"}
_LIBRARIES = {
    "CFNetwork": "Apple app",
    "Dart": "Flutter app",
    "okhttp": "Android app",
}
"""The name of an app that sends only the name of its HTTP library."""


def _native_app(user_agent: str) -> _NativeApp | None:
    """Parse the user agent of a native app: `App/1.2 (…)`, `App/1 CFNetwork/… Darwin/…`."""
    product = _PRODUCT.match(user_agent)
    if product is None or product["name"] in _NOT_APPS or "Mozilla/" in user_agent:
        return None
    name = _LIBRARIES.get(product["name"], product["name"])
    system = model = kind = None
    if android := _ANDROID.search(user_agent):
        system, model, kind = "Android", android["model"], "mobile"
    elif product["name"] == "okhttp":
        system, kind = None, "mobile"
    elif apple := _APPLE_MODEL.search(user_agent):
        is_ipad = apple["family"] == "iPad"
        system, model = ("iPadOS" if is_ipad else "iOS"), apple["family"]
        kind = "tablet" if is_ipad else "mobile"
    return _NativeApp(name, product["version"], system, _text(model), kind)


# Device type ---------------------------------------------------------------------------------


def _type(parsed: object, hints: ClientHints, user_agent: str) -> str:
    family: str = parsed.browser.family  # type: ignore[attr-defined]
    if parsed.is_bot or family.startswith("Headless"):  # type: ignore[attr-defined]
        return "bot"
    if _is_ipad(user_agent) or "; Tablet;" in user_agent:
        return "tablet"
    if hints.mobile is not None and hints.platform == "Android":
        return "mobile" if hints.mobile else "tablet"
    # Without "Mobile" the parser classifies apps and televisions as tablets.
    if "Dalvik/" in user_agent or "; AFT" in user_agent:
        return "unknown"
    for kind, flag in (("tablet", "is_tablet"), ("mobile", "is_mobile"), ("desktop", "is_pc")):
        if getattr(parsed, flag):
            return kind
    return "unknown"
