"""Checks with an account: sign-in, devices, refresh, profile, deletion."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tools.smoke.front import FOREIGN, ME
from tools.smoke.walk import (
    Skipped,
    data,
    error_code,
    expect,
    expect_error,
    expect_status,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools.smoke.walk import Walk

SESSIONS = f"{ME}/sessions"
FORGED = "198.51.100.23"
"""An IP address for documentation (RFC 5737), which no client has."""

NO_VERSION = '"999999999999999"'
"""An ETag that no account has."""

EXPORT_SECONDS = 60
COOKIES = ("__Host-latchkey_refresh", "__Host-latchkey_device")
COOKIE_ATTRIBUTES = ("Secure", "HttpOnly", "SameSite=Strict", "Path=/")


def simulator_address() -> str:
    """Return an address of SES's mailbox simulator, which accepts emails in the sandbox."""
    return f"success+smoke-{secrets.token_hex(6)}@simulator.amazonses.com"


@dataclass
class Person:
    """The account of the run.

    is_ours  it was registered by this run, which erases it at the end
    """

    email: str
    password: str
    is_ours: bool = False
    tokens: dict[str, Any] = field(default_factory=dict)
    access: str = ""
    opened: list[str] = field(default_factory=list)
    """Access tokens of the sessions to end."""

    # The account ------------------------------------------------------------------------------

    def register(self, walk: Walk) -> str:
        """Registration works, or sends an email."""
        if walk.options.mail_token:
            return self._confirm(walk)
        if not walk.options.register:
            raise Skipped("REGISTER=1 registers an account and erases it")
        body = {"email": self.email, "password": self.password}
        answer = walk.request("POST", "/api/v1/auth/register", json=body)
        expect_status(answer, 201, 202)
        if answer.status_code == 202:  # noqa: PLR2004 - accepted
            if not walk.options.email:
                return f"202: {self.email} stays unconfirmed. Give SMOKE_EMAIL for the rest"
            return f"202: run it again with MAIL_TOKEN of the mail to {self.email}"
        self.is_ours = True
        self._took(data(answer, 201))
        return "signed in at once"

    def _confirm(self, walk: Walk) -> str:
        body = {"token": walk.options.mail_token, "password": self.password}
        answer = walk.request("POST", "/api/v1/auth/email/verify", json=body)
        expect_status(answer, 200)
        self.is_ours = True
        return "the address is confirmed"

    def sign_in(self, walk: Walk) -> str:
        """Two devices sign in."""
        answer = self._login(walk, headers=forged_headers())
        code = error_code(answer)
        expect(
            answer.status_code == 200,  # noqa: PLR2004
            f"signing in answers {answer.status_code} {code}",
        )
        self._took(data(answer))
        return f"{walk.milliseconds:.0f} ms"

    def _login(self, walk: Walk, **options: Any) -> Any:
        fields = options.pop("fields", {})
        body = {"email": self.email, "password": self.password, **fields}
        return walk.request("POST", "/api/v1/auth/login", json=body, **options)

    def _took(self, tokens: dict[str, Any]) -> None:
        self.tokens, self.access = tokens, tokens["access_token"]
        self.opened.append(self.access)

    def _another_device(self, walk: Walk) -> dict[str, Any]:
        tokens: dict[str, Any] = data(self._login(walk))
        self.opened.append(tokens["access_token"])
        return tokens

    # Sessions ---------------------------------------------------------------------------------

    def viewer_not_forged(self, walk: Walk) -> str:
        """A client can't forge the IP address of its session."""
        own = self._current(walk, self.access)
        expect(own["ip_address"] != FORGED, "a header of the client's chose the session's address")
        expect(own["ip_address"], "the session has no address")
        place = own.get("location")
        expect("Wellington" not in str(place), "a header of the client's chose the session's place")
        return f"seen as {own['ip_address']}, place {place or 'unknown'}"

    def list_sessions(self, walk: Walk) -> str:
        """Both devices are listed, and one of them is the current one."""
        other = self._another_device(walk)["access_token"]
        theirs = self._current(walk, other)["id"]
        listed = self._sessions(walk)
        current = [each["id"] for each in listed if each["is_current"]]
        expect(len(current) == 1, f"{len(current)} sessions say that they are the current one")
        others = {each["id"] for each in listed} - set(current)
        expect(theirs in others, "the other device is not listed")
        return f"{len(listed)} sessions"

    def revoke(self, walk: Walk) -> str:
        """A signed-out device gets 401 with the reason on its next request."""
        other = self._another_device(walk)["access_token"]
        theirs = self._current(walk, other)
        answer = walk.request("DELETE", f"{SESSIONS}/{theirs['id']}", token=self.access)
        expect_status(answer, 200)
        expect_error(walk.request("GET", ME, token=other), 401, "SESSION_REVOKED")
        return "401 on its next request"

    def refresh(self, walk: Walk) -> None:
        """A refresh token works once. A stolen one ends only its own session."""
        first = self._another_device(walk)["refresh_token"]
        second = data(self._refresh(walk, first))["refresh_token"]
        expect(second != first, "the refresh token did not rotate")
        third = data(self._refresh(walk, second))
        expect_error(self._refresh(walk, first), 401, "REFRESH_TOKEN_REUSED")
        ended = walk.request("GET", ME, token=third["access_token"])
        expect_error(ended, 401, "SESSION_REVOKED")
        expect_status(walk.request("GET", ME, token=self.access), 200)

    def _refresh(self, walk: Walk, token: str) -> Any:
        return walk.request("POST", "/api/v1/auth/refresh", json={"refresh_token": token})

    def cookies(self, walk: Walk) -> None:
        """A browser's tokens are out of reach of scripts and other sites."""
        in_browser = {"token_transport": "cookie"}
        foreign = self._login(walk, fields=in_browser, headers={"origin": FOREIGN})
        expect_status(foreign, 403)
        answer = self._login(walk, fields=in_browser, headers={"origin": walk.base_url})
        tokens = data(answer)
        self.opened.append(tokens["access_token"])
        expect(tokens["refresh_token"] is None, "the refresh token is also in the body")
        found = {value.partition("=")[0]: value for value in answer.headers.get_list("set-cookie")}
        for name in COOKIES:
            expect(name in found, f"there is no cookie {name}")
            for attribute in COOKIE_ATTRIBUTES:
                expect(attribute in found[name], f"{name} is not {attribute}")
            expect("domain=" not in found[name].lower(), f"{name} has a Domain")
        cookie = "; ".join(value.partition(";")[0] for value in found.values())
        for origin, status in ((FOREIGN, 403), (walk.base_url, 200)):
            headers = {"cookie": cookie, "origin": origin}
            refreshed = walk.request("POST", "/api/v1/auth/refresh", headers=headers, json={})
            expect_status(refreshed, status)

    # Profile and exports ----------------------------------------------------------------------

    def profile_etag(self, walk: Walk) -> None:
        """A change of an outdated version is refused, and the CDN does not change the ETag."""
        answer = walk.request("GET", ME, token=self.access)
        expect_status(answer, 200)
        tag = answer.headers.get("etag", "")
        expect(tag and not tag.startswith("W/"), f"the ETag is {tag!r}, which If-Match can't use")
        stale = self._patch(walk, {"display_name": "Smoke"}, NO_VERSION)
        expect_status(stale, 412)
        if self.is_ours:
            changed = self._patch(walk, {"display_name": "Smoke"}, tag)
            expect(data(changed)["display_name"] == "Smoke", "the name did not change")

    def _patch(self, walk: Walk, body: dict[str, str], tag: str) -> Any:
        headers = {"if-match": tag}
        return walk.request("PATCH", ME, json=body, headers=headers, token=self.access)

    def not_found(self, walk: Walk) -> None:
        """A missing resource is a 404 in the envelope."""
        path = f"{ME}/exports/exp_{'0' * 26}"
        expect_error(walk.request("GET", path, token=self.access), 404, "EXPORT_NOT_FOUND")

    def export(self, walk: Walk) -> str:
        """An export is built, and its link works."""
        if not walk.options.export:
            raise Skipped("EXPORT=1 requests an export")
        started = data(walk.request("POST", f"{ME}/export", token=self.access), 202)
        path = f"{ME}/exports/{started['id']}"
        deadline = time.monotonic() + EXPORT_SECONDS
        found = started
        while found["status"] in {"queued", "running"} and time.monotonic() < deadline:
            walk.pause(2)
            found = data(walk.request("GET", path, token=self.access))
        expect(found["status"] == "ready", f"after {EXPORT_SECONDS} s it is {found['status']}")
        file = walk.request("GET", found["download_url"])
        expect_status(file, 200)
        expect(file.content.startswith(b"PK"), "its file is no archive")
        return f"{len(file.content)} bytes"

    # Leaving ----------------------------------------------------------------------------------

    def leave(self, walk: Walk) -> str:
        """An erased account is signed out immediately."""
        if not self.is_ours:
            return self._sign_out(walk)
        body = {"password": self.password}
        again = walk.request("POST", "/api/v1/auth/reauthenticate", json=body, token=self.access)
        expect_status(again, 200)
        token = (again.json().get("data") or {}).get("access_token") or self.access
        left = walk.request("DELETE", f"{ME}?hard=true", token=token)
        expect_status(left, 200, 202)
        after = walk.request("GET", ME, token=token)
        expect(after.status_code == 401, f"its token still answers {after.status_code}")  # noqa: PLR2004
        refused = self._login(walk)
        expect(refused.status_code in {401, 403}, "its owner can still sign in")
        self.opened.clear()
        return "the account is being erased"

    def _sign_out(self, walk: Walk) -> str:
        for token in self.opened:
            walk.request("POST", "/api/v1/auth/logout", token=token)
        count = len(self.opened)
        self.opened.clear()
        return f"{count} sessions of this walk are ended; the account stays"

    def _current(self, walk: Walk, token: str) -> dict[str, Any]:
        (found,) = [each for each in self._sessions(walk, token) if each["is_current"]]
        return found

    def _sessions(self, walk: Walk, token: str | None = None) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = data(
            walk.request("GET", SESSIONS, token=token or self.access)
        )["sessions"]
        return found

    @property
    def steps(self) -> dict[str, Callable[[Walk], str | None]]:
        """Return the checks with a session, in order."""
        return {
            "viewer-not-forged": self.viewer_not_forged,
            "list-sessions": self.list_sessions,
            "revoke": self.revoke,
            "refresh": self.refresh,
            "cookies": self.cookies,
            "profile-etag": self.profile_etag,
            "not-found": self.not_found,
            "export": self.export,
        }


def forged_headers() -> dict[str, str]:
    """Return headers of a client that forges its location."""
    return {
        "x-forwarded-for": FORGED,
        "cloudfront-viewer-address": f"{FORGED}:443",
        "cloudfront-viewer-country": "NZ",
        "cloudfront-viewer-city": "Wellington",
        "x-latchkey-edge": "a guess",
    }


def walk_as_person(walk: Walk) -> None:
    """Run the checks with an account, and clean up."""
    options = walk.options
    person = Person(
        options.email or simulator_address(), options.password or secrets.token_urlsafe(18)
    )
    rest = {"sign-in": None, **person.steps, "leave": None}
    walk.check("register", person.register)
    if not person.is_ours and not (options.email and options.password):
        walk.skip(rest, "nobody is signed in: give SMOKE_EMAIL and SMOKE_PASSWORD, or REGISTER=1")
        return
    if walk.lines[-1].message.startswith("202"):
        walk.skip(rest, "the address is to be confirmed first")
        return
    try:
        if walk.check("sign-in", person.sign_in):
            for name, step in person.steps.items():
                walk.check(name, step)
        else:
            walk.skip(person.steps, "nobody is signed in")
    finally:
        if person.access:
            walk.check("leave", person.leave)
        else:
            walk.skip({"leave": None}, "nobody is signed in")
