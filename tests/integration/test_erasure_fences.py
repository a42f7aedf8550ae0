"""Requests in flight when their account's erasure begins: none of them writes for it any more."""

from __future__ import annotations

import contextlib
import copy
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.test_erasure import ME, Canary, until
from tests.support.api import PASSWORD, a_fresh_address, error_code, once
from tests.support.function_settings import changed_environment
from tests.support.paused_writes import pausing_proxy
from tests.support.queue_worker import QueueWorker
from tests.support.scan import traces

AUTH = "/api/v1/auth"
REQUESTS = {
    "login": ("POST", f"{AUTH}/login"),
    "request_login_code": ("POST", f"{AUTH}/login/code"),
    "change_email": ("POST", f"{ME}/email"),
    "change_password": ("PUT", f"{ME}/password"),
    "update_me": ("PATCH", ME),
    "replace_preferences": ("PUT", f"{ME}/preferences"),
    "create_avatar_upload": ("POST", f"{ME}/avatar/uploads"),
    "request_export": ("POST", f"{ME}/export"),
}
"""Requests that read the account, and then write for it."""
GONE = (404, "ACCOUNT_NOT_FOUND")
RESPONSES = {
    **dict.fromkeys(REQUESTS, GONE),
    "login": (403, "ACCOUNT_DELETED"),
    "change_password": (401, "ACCOUNT_DELETED"),
    # The response does not reveal whether there is an account.
    "request_login_code": (202, None),
}
ORDER = ("DELETE", ME)
"""Of the erasure."""
PAUSE_SECONDS = 29
"""What a function may take here. API Gateway waits for 30 seconds."""


def bodies(canary):
    """Return what each request sends."""
    hers = {"email": canary.email}
    return {
        "login": {**hers, "password": PASSWORD},
        "request_login_code": hers,
        "change_email": {"email": a_fresh_address()},
        "change_password": {"current_password": PASSWORD, "new_password": "cobalt meadow at dusk"},
        "update_me": {"display_name": "Ada L."},
        "replace_preferences": {"lighting": "required"},
        "create_avatar_upload": {"content_type": "image/png"},
        "request_export": None,
    }


def rows_about(stack, canary):
    """Return the keys of all items that name the account, its address or its partition."""
    identifiers = (canary.id, canary.email)
    pages = stack.client("dynamodb").get_paginator("scan")
    return {
        (item["pk"]["S"], item["sk"]["S"])
        for page in pages.paginate(TableName=stack.table_name)
        for item in page["Items"]
        if any(word in str(item) for word in identifiers)
    }


@pytest.fixture
def writes(stack):
    with pausing_proxy(stack.emulator_url) as proxy, contextlib.ExitStack() as restored:
        for operation in REQUESTS:
            restored.enter_context(
                changed_environment(
                    stack,
                    operation,
                    timeout_seconds=PAUSE_SECONDS,
                    AWS_ENDPOINT_URL_DYNAMODB=proxy.url,
                )
            )
        yield proxy


@pytest.fixture
def erasures(stack):
    worker = QueueWorker(stack, "purge_worker")
    yield worker
    worker.pause(paused=False)


def start_functions(api):
    """Start every function with a request that it refuses, so that none starts in the pause."""
    for method, path in (*REQUESTS.values(), ORDER):
        assert api.call(method, path, json={}).status_code in {400, 401}


def all_waiting(writes, requests):
    """Return whether every request has come to its write. Fails if one has ended before it."""
    ended = {name: each.result().text for name, each in requests.items() if each.done()}
    assert ended == {}
    return writes.waiting == len(requests)


def test_request_in_flight_writes_nothing_once_the_erasure_has_begun(
    wide_api, stack, writes, erasures
):
    start_functions(wide_api)
    canary = Canary(wide_api, stack)
    in_flight = copy.copy(canary)
    in_flight.api = once(wide_api)
    erasures.pause(paused=True)

    def send(operation):
        method, path = REQUESTS[operation]
        return in_flight.call(method, path, json=bodies(canary)[operation])

    with ThreadPoolExecutor(len(REQUESTS)) as pool:
        with writes.paused():
            requests = {operation: pool.submit(send, operation) for operation in REQUESTS}
            until(lambda: all_waiting(writes, requests))
            method, path = ORDER
            assert canary.call(method, path, params={"hard": "true"}).status_code == 200
            before = rows_about(stack, canary)
        responses = {operation: request.result() for operation, request in requests.items()}
    outcomes = {name: (each.status_code, error_code(each)) for name, each in responses.items()}
    assert outcomes == RESPONSES
    assert rows_about(stack, canary) - before == set()
    erasures.pause(paused=False)
    until(lambda: not canary.items())
    canary.receipt()
    assert traces(stack.client, (canary.id, canary.email)) == {}
