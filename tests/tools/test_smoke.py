"""`make smoke` passes on a healthy service, and detects every defect."""

from __future__ import annotations

import json

import httpx
import pytest

from tests.support.over_http import OverHttp
from tests.support.service import PASSWORD, InProcessService
from tools.smoke.__main__ import read_options, run
from tools.smoke.front import FRONT
from tools.smoke.person import FORGED, Person
from tools.smoke.walk import Options, Result, Walk

URL = "https://accounts.test"
AUDIT_TRAIL = ("SUBJECT#", "REQUESTS#", "CHAIN#")
OURS = Options(register=True, api_url="https://api.test", release="1a", published={"login": "1a"})


@pytest.fixture
def service():
    return InProcessService()


def walked(service, options=OURS, *, cdn=True, change=None, url=URL):
    output = []
    with httpx.Client(transport=OverHttp(service, cdn=cdn, change=change)) as client:
        walk = Walk(url, options, client, say=output.append, pause=lambda _seconds: None)
        code = run(walk)
    return code, {line.name: line for line in walk.lines}, output


def main_items(service):
    return [
        item for item in service.table.all_items() if not str(item["pk"]).startswith(AUDIT_TRAIL)
    ]


def results(lines, result):
    return {name for name, line in lines.items() if line.result is result}


def test_healthy_service_passes(service):
    code, lines, output = walked(service)
    assert results(lines, Result.FAIL) == set(), "\n".join(output)
    assert results(lines, Result.SKIPPED) == {"export"}
    assert code == 0
    assert "0 failed" in output[-1]


def test_smoke_cleans_up(service):
    walked(service)
    service.work()
    left = {str(item["pk"]).partition("#")[0] for item in main_items(service)}
    assert left <= {"RECEIPT", "LIMIT", "TASK"}


def test_existing_account_is_unchanged_by_smoke(service):
    mine = service.register().data
    before = service.request("GET", "/api/v1/users/me", token=mine["access_token"]).data
    options = Options(email="ada@example.com", password=PASSWORD)
    code, lines, output = walked(service, options)
    assert (code, lines["register"].result) == (0, Result.SKIPPED), output
    assert "the account stays" in lines["leave"].message
    after = service.request("GET", "/api/v1/users/me", token=mine["access_token"]).data
    assert after == before
    listed = service.request("GET", "/api/v1/users/me/sessions", token=mine["access_token"]).data
    assert listed["total_count"] == 1


def test_smoke_continues_with_the_token_of_the_email():
    service = InProcessService(EMAIL_VERIFICATION="required")
    who = {"email": "smoke@example.com", "password": PASSWORD}
    code, lines, _ = walked(service, Options(register=True, **who))
    assert (code, lines["sign-in"].result) == (0, Result.SKIPPED)
    assert "MAIL_TOKEN" in lines["register"].message
    service.work()
    token = service.mailbox.last("smoke@example.com").letter.text.partition("#token=")[2].split()[0]
    code, lines, output = walked(service, Options(mail_token=token, **who))
    assert (code, lines["leave"].message) == (0, "the account is being erased"), output


def test_smoke_without_an_account_lists_skipped_checks(service):
    code, lines, _ = walked(service, Options())
    assert code == 0
    assert results(lines, Result.SKIPPED) >= {"register", "sign-in", "refresh", "leave"}
    assert "REGISTER=1" in lines["sign-in"].message
    assert main_items(service) == []


def test_without_a_cdn_its_checks_are_skipped(service):
    _, lines, _ = walked(service, Options(), cdn=False)
    assert results(lines, Result.SKIPPED) >= {
        "compression",
        "errors-not-cached",
        "api-without-cdn",
    }


# What is broken, and the check that has to notice it ---------------------------------------------


def header(name, value=None, *, path="", method="GET", status=None):
    def change(request, answer):
        fits = request.url.path.startswith(path) and request.method == method
        if fits and (status is None or answer.status_code == status):
            answer.headers.pop(name, None)
            if value is not None:
                answer.headers[name] = value

    return change


def replaced(path, *, method="GET", status=None, **answer):
    def change(request, original):
        fits = request.url.path == path and request.method == method
        if fits and (status is None or original.status_code == status):
            made = httpx.Response(request=request, **answer)
            made.headers.update({"x-cache": "Miss from cloudfront", **answer.get("headers", {})})
            return made
        return None

    return change


def in_body(path, edit, *, method="GET"):
    def change(request, answer):
        if request.url.path == path and request.method == method and answer.status_code == 200:
            body = json.loads(answer.content)
            edit(body)
            kept = [(n, v) for n, v in answer.headers.multi_items() if n != "content-length"]
            return httpx.Response(200, headers=kept, json=body, request=request)
        return None

    return change


def all_addresses(body):
    for session in body["data"]["sessions"]:
        session["ip_address"] = FORGED


def only_the_current(body):
    body["data"]["sessions"] = [each for each in body["data"]["sessions"] if each["is_current"]]


def no_cookie_attribute(name):
    def change(request, answer):
        if request.url.path.endswith("/login"):
            found = answer.headers.get_list("set-cookie")
            answer.headers.pop("set-cookie", None)
            headers = answer.headers.multi_items()
            headers += [("set-cookie", each.replace(f"; {name}", "")) for each in found]
            answer.headers = httpx.Headers(headers)

    return change


def same_token(body):
    body["data"]["refresh_token"] = SENT["token"]


SENT: dict[str, str] = {}


def no_rotation(request, answer):
    if request.url.path.endswith("/auth/refresh"):
        SENT["token"] = json.loads(request.content or b"{}").get("refresh_token")
    return in_body("/api/v1/auth/refresh", same_token, method="POST")(request, answer)


ME = "/api/v1/users/me"
JSON = {"content-type": "application/json"}
BROKEN = {
    "health is kept": ("health", header("cache-control", "max-age=60", path="/api/v1/health")),
    "health is down": ("health", replaced("/api/v1/health", status_code=500, json={})),
    "private keys": (
        "public-keys",
        in_body("/.well-known/jwks.json", lambda body: body["keys"][0].update(d="x")),
    ),
    "no keys": ("public-keys", in_body("/.well-known/jwks.json", lambda b: b.update(keys=[]))),
    "no HSTS": ("transport", header("strict-transport-security", path="/api/v1/health")),
    "another page": ("page", replaced("/", status_code=200, text="<html></html>")),
    "no script": ("page", replaced("/assets/page.js", status_code=404)),
    "a weak policy": (
        "page-headers",
        header("content-security-policy", "default-src 'none' 'unsafe-inline'", path="/"),
    ),
    "page sniffed": ("page-headers", header("x-content-type-options", path="/")),
    "page kept": ("page-headers", header("cache-control", "max-age=86400", path="/")),
    "a dead link": ("mail-links", replaced("/verify-email", status_code=404, json={})),
    "the page for all": (
        "missing-file",
        replaced("/assets/not-there.js", status_code=200, text="<html>"),
    ),
    "uncompressed": (
        "compression",
        replaced("/assets/page.js", status_code=200, headers={"content-type": "text/javascript"}),
    ),
    "a page as 404": (
        "unknown-route",
        replaced("/api/v1/there-is-no-such-thing", status_code=200, text="<html>"),
    ),
    "challenge renamed": (
        "typed-401",
        header("x-amzn-remapped-www-authenticate", "Bearer", path=ME, status=401),
    ),
    "no challenge": ("typed-401", header("www-authenticate", path=ME, status=401)),
    "untyped 401": ("typed-401", replaced(ME, status=401, status_code=401, json={"message": ""})),
    "large body unwrapped": (
        "large-body",
        replaced("/api/v1/auth/login", method="POST", status=400, status_code=413, json={}),
    ),
    "any origin": (
        "cross-origin",
        header("access-control-allow-origin", "*", path=ME, method="OPTIONS"),
    ),
    "cached errors": ("errors-not-cached", header("x-cache", "Error Hit", path="/api/v1/auth/not")),
    "aged errors": ("errors-not-cached", header("age", "4", path="/api/v1/auth/not")),
    "a forged address": ("viewer-not-forged", in_body(f"{ME}/sessions", all_addresses)),
    "one session": (
        "list-sessions",
        in_body(f"{ME}/sessions", only_the_current),
    ),
    "no rotation": ("refresh", no_rotation),
    "cookies for scripts": ("cookies", no_cookie_attribute("HttpOnly")),
    "cookies for all": ("cookies", no_cookie_attribute("SameSite=Strict")),
    "a weak ETag": ("profile-etag", header("etag", 'W/"1"', path=ME, status=200)),
    "another 404": (
        "not-found",
        replaced(f"{ME}/exports/exp_{'0' * 26}", status_code=404, json={"message": "Not Found"}),
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_service_fails_its_check(service, name):
    check, change = BROKEN[name]
    code, lines, _ = walked(service, change=change)
    assert code == 1
    assert lines[check].result is Result.FAIL
    assert lines[check].message


def test_working_revoked_device_fails(service):
    def still_there(request, answer):
        if request.url.path == ME and answer.status_code == 401 and b"REVOKED" in answer.content:
            return httpx.Response(200, json={"success": True, "data": {}}, request=request)
        return None

    _, lines, _ = walked(service, change=still_there)
    assert results(lines, Result.FAIL) >= {"revoke", "refresh"}


def test_remaining_account_fails(service):
    def not_gone(request, answer):
        if request.url.path == ME and answer.status_code == 401 and b"DELETED" in answer.content:
            return httpx.Response(200, json={"success": True, "data": {}}, request=request)
        return None

    _, lines, _ = walked(service, change=not_gone)
    assert lines["leave"].result is Result.FAIL


def test_api_that_is_open_without_its_cdn_fails(service):
    _, lines, _ = walked(service, Options(api_url="https://open.test"))
    assert lines["api-without-cdn"].result is Result.FAIL


def test_alias_of_an_older_release_is_noticed(service):
    published = {"login": "1a", "get_me": "0"}
    code, lines, _ = walked(service, Options(release="1a", published=published))
    assert (code, lines["release"].message) == (1, "an older release answers for get_me")


def test_unreachable_host_fails_without_a_crash(service):
    def gone(request, _answer):
        raise httpx.ConnectError("no such host", request=request)

    code, lines, output = walked(service, change=gone)
    assert code == 1
    assert "ConnectError" in lines["health"].message
    assert lines["sign-in"].result is Result.SKIPPED
    assert output


def test_retry_after_is_followed(service):
    requests = []

    def not_yet(request, _answer):
        if request.url.path == "/api/v1/health" and not requests:
            requests.append(request)
            return httpx.Response(503, headers={"retry-after": "2"}, json={}, request=request)
        return None

    _, lines, _ = walked(service, Options(), change=not_yet)
    assert (len(requests), lines["health"].result) == (1, Result.PASS)


def test_every_check_has_a_service_that_fails_it():
    broken = {check for check, _ in BROKEN.values()}
    elsewhere = {"api-without-cdn", "revoke", "leave", "register", "sign-in", "export", "release"}
    assert set(FRONT) | set(Person("", "").steps) <= broken | elsewhere


def test_options_come_from_the_environment():
    given = {"API_URL": "https://a", "SMOKE_EMAIL": "e", "SMOKE_PASSWORD": "p", "REGISTER": "1"}
    assert read_options(given) == Options(
        api_url="https://a", email="e", password="p", register=True
    )
    assert read_options({}) == Options()
