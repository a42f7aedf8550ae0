"""The range service of breached passwords, asked by the deployed functions."""

from __future__ import annotations

import contextlib

from tests.integration.test_mail import link_token, reset
from tests.support.api import PASSWORD, a_fresh_address, error_code
from tests.support.function_settings import changed_environment
from tests.support.range_service import range_service, sha1

LEAKED = "violet harbour sings at noon"
"""A password that only the range service knows."""
SLOW_SECONDS = 20
"""Longer than a function may run, so a request that waited for it would fail."""


@contextlib.contextmanager
def asking(stack, url, *operations):
    """Deploy operations with a range service."""
    with contextlib.ExitStack() as restored:
        for operation in operations:
            restored.enter_context(
                changed_environment(stack, operation, BREACHED_PASSWORD_CHECK=url)
            )
        yield


def refusal(answer):
    """Return the status, the code, and the field and code of each problem."""
    problems = answer.json()["error"]["details"]
    details = [(problem["field"], problem["code"]) for problem in problems]
    return answer.status_code, error_code(answer), details


def test_password_that_only_the_range_service_knows_is_refused(api, stack):
    email = a_fresh_address()
    token = api.register(email).json()["data"]["access_token"]
    forgot = api.call("POST", "/api/v1/auth/password/forgot", json={"email": email})
    assert forgot.status_code == 202
    link = link_token(stack, email, "reset-password")

    def change(password):
        body = {"current_password": PASSWORD, "new_password": password}
        return api.call("PUT", "/api/v1/users/me/password", token=token, json=body)

    setting = ("register", "change_password", "reset_password")
    with range_service(LEAKED) as ranges, asking(stack, ranges.url, *setting):
        assert refusal(api.register(password=LEAKED)) == refused_in("password")
        assert refusal(change(LEAKED)) == refused_in("new_password")
        assert refusal(reset(api, link, LEAKED)) == refused_in("new_password")
        assert api.register().status_code == 201
        paths = [path for path, _, _ in ranges.requests]
        sent = str(ranges.requests).upper()
    prefix, ending = sha1(LEAKED)[:5], sha1(LEAKED)[5:]
    assert paths == [f"/base/range/{prefix}"] * 3 + [f"/base/range/{sha1(PASSWORD)[:5]}"]
    assert {body for _, _, body in ranges.requests} == {b""}
    assert ending[:6] not in sent
    assert email.upper() not in sent
    # The link is not spent by a refusal. Without the parameter, nobody is asked.
    assert reset(api, link, LEAKED).status_code == 202
    assert len(ranges.requests) == len(paths)


def refused_in(field):
    return 400, "PASSWORD_NOT_ACCEPTED", [(field, "TOO_COMMON")]


def test_range_service_that_fails_refuses_nobody(api, stack):
    def registers(**fields):
        answer = api.register(password=LEAKED, **fields)
        return answer.status_code == 201

    with range_service(LEAKED) as ranges, asking(stack, ranges.url, "register"):
        assert not registers()
        ranges.status = 503
        assert registers()
        ranges.status, ranges.body = 200, b"<html>\x00\xff:\xfe"
        assert registers()
        ranges.body, ranges.delay = None, SLOW_SECONDS
        assert registers()
        request_count = len(ranges.requests)
        assert request_count == 4
    # Nothing listens on its port any more.
    with asking(stack, ranges.url, "register"):
        assert registers()
    assert len(ranges.requests) == request_count
