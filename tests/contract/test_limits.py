"""Every operation that verifies a secret or causes an email has its limits, and they work."""

from __future__ import annotations

import ast
import itertools
from typing import TYPE_CHECKING, Any

import pytest

from latchkey.domain import mail
from latchkey.domain.limit_table import MAILS, NETWORK, OPERATIONS, Limit, Secret
from latchkey.domain.limits import EXPORTS_PER_ACCOUNT
from latchkey.domain.throttle import Quota
from tests.support.person import ME, Person
from tests.support.reach import code, names_in, reach_of
from tests.support.service import PASSWORD, Answer, InProcessService
from tools.operations import operations
from tools.template import load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRONG, ANOTHER = "a wrong guess at a password", "seven lanterns on the quay"

# Which operations belong into the table ---------------------------------------------------------

SECRETS = {
    "Passwords.verify": Secret.PASSWORD,
    "latchkey.security.single_use_tokens.is_genuine": Secret.LINK,
    "LoginCodes.require": Secret.CODE,
    "latchkey.security.refresh_tokens.is_genuine": Secret.REFRESH_TOKEN,
}
"""Where a secret is verified."""

COMPARES = {
    "latchkey.http.request",  # the edge's own secret, of every request
    "latchkey.security.refresh_tokens",
    "latchkey.security.single_use_tokens",
}
"""Modules that compare secrets. A new one adds a line to SECRETS."""

MAIL = "latchkey.domain.mail"
WORKERS = {"export_message": "export_worker", "erasure_message": "purge_worker"}
"""What has a worker go on, which may mail as well."""

FUNCTIONS = sorted({operation.route.function for operation in operations()})


def mails_of(function: str) -> set[mail.MailKind]:
    """The mails that a function may cause, by itself or by a worker."""
    workers = {
        worker
        for trigger, worker in WORKERS.items()
        if any(label.endswith(f".{trigger}") for label in reach_of(function))
    }
    names = set().union(*(names_in(reach_of(each)) for each in {function} | workers))
    return {kind for variant, kind in mail.KINDS.items() if f"{MAIL}.{variant.__name__}" in names}


@pytest.mark.parametrize("function", FUNCTIONS)
def test_operations_with_secrets_or_emails_have_limits(function):
    reached = reach_of(function)
    secrets = {secret for place, secret in SECRETS.items() if place in reached}
    row = OPERATIONS.get(function)
    assert (row.secrets if row else frozenset()) == secrets
    assert (row.mails if row else frozenset()) == mails_of(function)


def test_limits_name_existing_operations():
    assert set(OPERATIONS) <= set(FUNCTIONS)


def test_every_comparison_of_secrets_is_listed():
    comparing = {
        module
        for (module, _), node in code().functions.items()
        if any(isinstance(n, ast.Attribute) and n.attr == "compare_digest" for n in ast.walk(node))
    }
    assert comparing == COMPARES
    assert not [
        name
        for name, found in code().classes.items()
        for node in found.methods.values()
        if any(isinstance(n, ast.Attribute) and n.attr == "compare_digest" for n in ast.walk(node))
    ]


def test_every_email_has_a_limit():
    assert set(MAILS) == set(mail.MailKind)
    assert all(0 < each.per_hour <= each.per_day for each in MAILS.values())


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operations_that_verify_a_secret_have_a_limit(operation):
    row = OPERATIONS[operation]
    assert row.limits or not row.secrets


@pytest.mark.parametrize("operation", operations(), ids=lambda each: each.route.function)
def test_network_limits_match_the_endpoint(operation):
    row = OPERATIONS.get(operation.route.function)
    rules = [limit.rule for limit in row.limits if limit.per == NETWORK] if row else []
    assert list(operation.endpoint.spec.limits) == rules


def test_export_limit_matches_the_parameter():
    parameter = load()["Parameters"]["ExportsPerDay"]["Default"]
    assert parameter == EXPORTS_PER_ACCOUNT.amount


# That each limit holds ----------------------------------------------------------------------------

type Requests = Iterator[Answer]


@pytest.fixture
def service() -> InProcessService:
    return InProcessService(RATE_LIMIT_FACTOR="1")


def networks() -> Iterator[str]:
    return (f"198.18.{n // 256}.{n % 256}" for n in itertools.count())


def post(service: InProcessService, path: str, body: Any, **options: Any) -> Answer:
    return service.request("POST", f"/api/v1/{path}", json_body=body, **options)


def many(service: InProcessService, path: str, body: Callable[[int], Any]) -> Requests:
    """The same request from one network, over and over."""
    return (post(service, path, body(n)) for n in itertools.count())


def addressed(path: str) -> Callable[[InProcessService], Requests]:
    return lambda service: many(service, path, lambda n: {"email": f"x{n}@example.com"})


def redeeming(path: str, **fields: str) -> Callable[[InProcessService], Requests]:
    return lambda service: many(service, path, lambda _: {"token": "none", **fields})


def reported(service: InProcessService) -> Requests:
    headers = {"latchkey-token": "none"}
    path = "/api/v1/auth/not-me"
    return (service.request("GET", path, headers=headers) for _ in itertools.count())


def guesses(service: InProcessService, *, spread: bool = True, **fields: str) -> Requests:
    body = {"email": "ada@example.com", "password": WRONG, **fields}
    source = networks() if spread else itertools.repeat("198.18.0.1")
    return (post(service, "auth/login", body, source_ip=address) for address in source)


def guesses_on_a_device(service: InProcessService) -> Requests:
    return guesses(service, device_id=service.register().data["device_id"])


def guesses_with_a_code(service: InProcessService) -> Requests:
    service.register()
    post(service, "auth/login/code", {"email": "ada@example.com"})
    service.work()
    text = service.mailbox.last("ada@example.com").letter.text
    return guesses(service, code=text.partition("Code: ")[2].split()[0])


def own_guesses(method: str, path: str, **fields: str) -> Callable[[InProcessService], Requests]:
    def requests(service: InProcessService) -> Requests:
        ada = Person(service)
        return (ada.request(method, path, json_body=fields) for _ in itertools.count())

    return requests


def guesses_with_links(service: InProcessService) -> Requests:
    """Each link takes a few passwords, so it takes more than one."""
    service.register()
    for number in itertools.count():
        if number % 3 == 0:
            post(service, "auth/email/resend", {"email": "ada@example.com"})
            service.work()
        link = service.mailbox.last("ada@example.com").token
        yield post(service, "auth/email/verify", {"token": link, "password": WRONG})


def new_addresses(*, confirmed: bool) -> Callable[[InProcessService], Requests]:
    def requests(service: InProcessService) -> Requests:
        ada = Person(service)
        if confirmed:
            service.work()
            link = service.mailbox.last(ada.email).token
            post(service, "auth/email/verify", {"token": link, "password": PASSWORD})
        for number, address in enumerate(networks()):
            body = {"email": f"x{number}@example.com"}
            yield ada.request("POST", f"{ME}/email", json_body=body, source_ip=address)

    return requests


def new_addresses_of_many(service: InProcessService) -> Requests:
    for number in itertools.count():
        ada = Person(service, f"ada{number}@example.com")
        body = {"email": f"x{number}@example.com"}
        yield ada.request("POST", f"{ME}/email", json_body=body)


def repeated_registrations(service: InProcessService) -> Requests:
    """Who knows the key of a registration may repeat it, with its password."""
    headers = {"idempotency-key": "somebody-has-read-this"}
    body = {"email": "ada@example.com", "password": PASSWORD}
    assert post(service, "auth/register", body, headers=headers).status == 201
    wrong = {**body, "password": ANOTHER}
    return (post(service, "auth/register", wrong, headers=headers) for _ in itertools.count())


def exports(service: InProcessService) -> Requests:
    ada = Person(service)
    for _ in itertools.count():
        yield ada.request("POST", f"{ME}/export")
        service.work()


DRIVEN: dict[tuple[str, str], Callable[[InProcessService], Requests]] = {
    ("register", "register"): lambda service: many(
        service, "auth/register", lambda n: {"email": f"x{n}@example.com", "password": PASSWORD}
    ),
    ("register", "own-password"): repeated_registrations,
    ("login", "login-address"): lambda service: many(
        service, "auth/login", lambda n: {"email": f"x{n}@example.com", "password": WRONG}
    ),
    ("login", "login-identifier-address"): lambda service: guesses(service, spread=False),
    ("login", "login-identifier"): guesses,
    ("login", "login-device"): guesses_on_a_device,
    ("login", "login-code"): guesses_with_a_code,
    ("request_login_code", "mail-address"): addressed("auth/login/code"),
    ("refresh", "refresh"): lambda service: many(
        service, "auth/refresh", lambda _: {"refresh_token": "none"}
    ),
    ("reauthenticate", "own-password"): own_guesses(
        "POST", "/api/v1/auth/reauthenticate", password=WRONG
    ),
    ("change_password", "own-password"): own_guesses(
        "PUT", f"{ME}/password", current_password=WRONG, new_password=ANOTHER
    ),
    ("change_email", "mail-address"): new_addresses_of_many,
    ("change_email", "email-change"): new_addresses(confirmed=True),
    ("change_email", "email-change-unverified"): new_addresses(confirmed=False),
    ("verify_email", "redeem"): redeeming("auth/email/verify", password=WRONG),
    ("verify_email", "own-password"): guesses_with_links,
    ("resend_verification", "mail-address"): addressed("auth/email/resend"),
    ("forgot_password", "mail-address"): addressed("auth/password/forgot"),
    ("reset_password", "redeem"): redeeming("auth/password/reset", new_password=ANOTHER),
    ("undo_email_change", "redeem"): redeeming("auth/email/undo"),
    ("get_reported_session", "redeem"): reported,
    ("disown_session", "redeem"): redeeming("auth/not-me"),
    ("restore_account", "redeem"): redeeming("auth/restore"),
    ("request_export", "exports"): exports,
}
"""By operation and limit: requests that go over it, and over no other before."""

LIMITS = [
    pytest.param(operation, limit, id=f"{operation}-{limit.rule.name}")
    for operation, row in OPERATIONS.items()
    for limit in row.limits
    if limit.is_reported
]


@pytest.mark.parametrize(("operation", "limit"), LIMITS)
def test_each_limit_is_enforced_and_reported(service: Any, operation: str, limit: Limit):
    rule = limit.rule
    amount = rule.amount if isinstance(rule, Quota) else rule.free
    requests = DRIVEN[operation, rule.name](service)
    let_through = list(itertools.islice(requests, amount))
    assert 429 not in {answer.status for answer in let_through}
    refused = next(requests)
    assert (refused.status, refused.code) == (429, "TOO_MANY_ATTEMPTS")
    wait = int(refused.headers["retry-after"])
    longest = rule.window_seconds if isinstance(rule, Quota) else rule.first_wait_seconds
    assert 0 < wait <= longest
    assert f'"{rule.name}";q={amount}' in refused.headers["ratelimit-policy"]
    assert f'"{rule.name}";r=0;t={wait}' in refused.headers["ratelimit"]


def test_every_driver_has_a_limit():
    assert set(DRIVEN) == {
        (operation, limit.rule.name)
        for operation, limit in (parameter.values for parameter in LIMITS)
    }
