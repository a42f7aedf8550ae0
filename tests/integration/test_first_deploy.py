"""A first deploy as the README describes it: the page on CloudFront's name, a domain later."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import urlsplit

import pytest

from tests.support.api import PASSWORD, Api, a_fresh_address, error_code
from tests.support.commands import make
from tests.support.mail import token_in
from tests.support.queue_worker import until
from tools.local import deployment
from tools.local.stack import LocalStack
from tools.smoke.front import LINK_PATHS

DEFAULTS = {"ServePage": "on", "PublicUrl": "", "EdgeSecret": "", "EmailVerification": "required"}
"""What the template sets when nothing is given; samconfig.toml's `local` differs."""
DOMAIN = "accounts.example.com"
CERTIFICATE = "arn:aws:acm:us-east-1:000000000000:certificate/12345678-1234-1234-1234-123456789012"

pytestmark = pytest.mark.timeout(600)


@contextlib.contextmanager
def a_first_deploy():
    with LocalStack.start(parameters=DEFAULTS) as stack:
        done = make(stack.emulator, "publish-page", f"STACK={stack.deployment.name}")
        assert done.returncode == 0, done.stderr
        yield stack


@pytest.fixture(scope="module")
def deployed():
    with a_first_deploy() as stack:
        yield stack


def visitor(stack, url):
    """Reach the stack by its address, as CloudFront does for a browser."""
    return Api(stack.base_url, host=urlsplit(url).netloc)


def links(stack, address):
    """Return every address in the text and the HTML of a person's mails."""
    mails = [mail for mail in stack.mails() if mail["To"] == [address]]
    text = " ".join(mail["BodyText"] + mail["BodyHtml"] for mail in mails)
    return set(re.findall(r"https?://[^\s\"'<>]+", text))


def link_to(stack, address, page):
    """Wait for a mail with a link to a page, and return the link."""
    until(lambda: any(f"/{page}#" in link for link in links(stack, address)), seconds=60)
    return next(link for link in links(stack, address) if f"/{page}#" in link)


def assert_links_are_served(stack, address, url):
    web = visitor(stack, url)
    page = web.call("GET", "/")
    assert "<latchkey-page" in page.text
    found = links(stack, address)
    assert found
    for link in found:
        assert link.startswith(f"{url}/"), link
        answer = web.call("GET", urlsplit(link).path)
        assert (answer.status_code, answer.text) == (200, page.text), link


def sign_up(stack, url):
    """Register, confirm by the link of the mail, and return the address and the session."""
    web, address = visitor(stack, url), a_fresh_address()
    assert web.register(address).status_code == 202
    assert error_code(web.login(address)) == "EMAIL_NOT_VERIFIED"
    token = token_in(link_to(stack, address, "verify-email"))
    body = {"token": token, "password": PASSWORD}
    assert web.call("POST", "/api/v1/auth/email/verify", json=body).status_code == 200
    answer = web.login(address, origin=url, token_transport="cookie")
    assert answer.status_code == 200
    return address, answer


def test_a_person_signs_in_at_the_address_of_the_first_deploy(deployed):
    url = deployed.deployment.outputs["Url"]
    assert re.fullmatch(r"https://d[a-z0-9]+\.cloudfront\.net", url)
    assert url in deployed.deployment.outputs["NextStep"]
    address, _ = sign_up(deployed, url)
    web = visitor(deployed, url)
    forgot = web.call("POST", "/api/v1/auth/password/forgot", json={"email": address})
    assert forgot.status_code == 202
    assert link_to(deployed, address, "reset-password").startswith(f"{url}/")
    assert_links_are_served(deployed, address, url)
    for path in LINK_PATHS:
        assert "<latchkey-page" in web.call("GET", path).text


def test_nothing_else_is_let_in(deployed):
    url = deployed.deployment.outputs["Url"]
    web, address = visitor(deployed, url), a_fresh_address()
    elsewhere = web.login(address, origin="https://evil.example", token_transport="cookie")
    assert error_code(elsewhere) == "ORIGIN_NOT_ALLOWED"
    api = Api(deployed.emulator_url, host=urlsplit(deployed.api_url).netloc)
    refused = api.call("GET", "/api/v1/health")
    assert error_code(refused) == "DIRECT_ACCESS_REFUSED"


@pytest.mark.slow  # it changes every function
def test_a_domain_is_added_later():
    with a_first_deploy() as deployed:
        add_a_domain(deployed)


def add_a_domain(deployed):
    before = deployed.deployment.outputs["Url"]
    _, signed_in = sign_up(deployed, before)
    domain = {"PageDomain": DOMAIN, "PageCertificate": CERTIFICATE}
    with deployment.building():
        after = deployment.change(deployed.emulator, domain)
    url = after.outputs["Url"]
    assert url == f"https://{DOMAIN}"
    config = deployed.client("cloudfront").get_distribution_config(
        Id=after.physical_ids["PageDistribution"]
    )["DistributionConfig"]
    assert config["Aliases"]["Items"] == [DOMAIN]
    address, _ = sign_up(deployed, url)
    assert_links_are_served(deployed, address, url)
    # Tokens have another issuer now, so clients refresh once.
    web = visitor(deployed, url)
    cookies = {"__Host-latchkey_refresh": signed_in.cookies["__Host-latchkey_refresh"]}
    refused = web.me(signed_in.json()["data"]["access_token"])
    assert error_code(refused) == "TOKEN_INVALID"
    refreshed = web.call(
        "POST", "/api/v1/auth/refresh", json={}, cookies=cookies, headers={"origin": url}
    )
    assert refreshed.status_code == 200
    assert web.me(refreshed.json()["data"]["access_token"]).status_code == 200
