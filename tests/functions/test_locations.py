"""The location of a sign-in: from the edge, else from the GeoIP database, else unknown."""

from __future__ import annotations

import pytest

from latchkey.security.geoip import GeoIpDatabase
from tests.support.mmdb import build
from tests.support.service import InProcessService

EDGE = {"x-latchkey-edge": "the-edge"}
VIEWER = {
    "cloudfront-viewer-address": "81.2.69.160:443",
    "cloudfront-viewer-city": "S%C3%A3o Paulo",
    "cloudfront-viewer-country": "BR",
    "cloudfront-viewer-country-region-name": "S%C3%A3o Paulo",
}
PARIS = {
    "city": {"names": {"en": "Paris", "de": "Paris"}},
    "subdivisions": [{"names": {"en": "Île-de-France"}}],
    "country": {"iso_code": "FR"},
}


def place(service, **options):
    """Sign in and read the place that the session says."""
    session = service.login(**options).data["session"]
    return session["ip_address"], session["location"]


@pytest.fixture
def service():
    made = InProcessService()
    made.register()
    return made


def test_location_of_the_edge_is_trusted(service):
    assert place(service, headers=EDGE | VIEWER) == ("81.2.69.160", "São Paulo, BR")


@pytest.mark.parametrize("proof", [{}, {"x-latchkey-edge": ""}, {"x-latchkey-edge": "a guess"}])
def test_location_headers_of_others_are_ignored(service, proof):
    assert place(service, headers=proof | VIEWER) == ("203.0.113.7", None)


@pytest.mark.parametrize(
    "address", ["127.0.0.1:1", "10.1.2.3:443", "192.168.1.7:443", "fd00::1:443", "169.254.1.1:1"]
)
def test_private_address_has_no_location(service, address):
    headers = EDGE | VIEWER | {"cloudfront-viewer-address": address}
    assert place(service, headers=headers)[1] is None


@pytest.mark.parametrize(
    ("city", "country", "shown"),
    [
        ("M\u00c3\u00bcnchen", "DE", "München, DE"),  # UTF-8 that was read as Latin-1
        ("München", "DE", "München, DE"),
        ("%E6%9D%B1%E4%BA%AC", "JP", "東京, JP"),
        ("", "DE", "DE"),
        ("Köln", "", "Köln"),
        ("%ff%fe", "DE", "DE"),
        ("a%0d%0aSet-Cookie: b=c%00", "DE", "aSet-Cookie: b=c, DE"),
        ("%E2%80%AEgpj", "DE", "gpj, DE"),
        ("x" * 5000, "<b>", "x" * 100),
        ("", "", None),
    ],
)
def test_a_places_name_is_decoded_and_safe_to_show(service, city, country, shown):
    location = {"cloudfront-viewer-city": city, "cloudfront-viewer-country": country}
    assert place(service, headers=EDGE | VIEWER | location)[1] == shown


def test_geoip_database_is_used_without_an_edge_location(tmp_path):
    database = tmp_path / "places.mmdb"
    database.write_bytes(build({"81.2.69.0/24": PARIS, "10.0.0.0/8": PARIS, "8.8.8.8/32": {}}))
    service = InProcessService(GEOIP_DATABASE_PATH=str(database))
    service.register()
    assert place(service, source_ip="81.2.69.160")[1] == "Paris, FR"
    assert place(service, source_ip="10.1.2.3")[1] is None
    assert place(service, source_ip="8.8.8.8")[1] is None
    assert place(service, source_ip="9.9.9.9")[1] is None
    assert place(service, source_ip="2606:4700::1")[1] is None
    assert place(service, headers=EDGE | VIEWER)[1] == "São Paulo, BR"


@pytest.mark.parametrize(
    "regions", [{"names": {"en": "Bavaria"}}, "Bavaria", [], ["Bavaria"], [{}]]
)
def test_record_of_another_form_is_no_location(tmp_path, regions):
    database = tmp_path / "places.mmdb"
    database.write_bytes(build({"81.2.69.0/24": {"subdivisions": regions}}))
    assert GeoIpDatabase(str(database)).find("81.2.69.160") is None


@pytest.mark.parametrize("content", [None, b"", b"not a database", b"\xab\xcd\xefMaxMind.com"])
def test_missing_or_broken_geoip_database_does_not_fail_sign_in(tmp_path, content):
    database = tmp_path / "places.mmdb"
    if content is not None:
        database.write_bytes(content)
    service = InProcessService(GEOIP_DATABASE_PATH=str(database))
    service.register()
    assert place(service, source_ip="81.2.69.160")[1] is None


def test_client_hints_are_requested_and_used(service):
    headers = {
        "sec-ch-ua-platform": '"Windows"',
        "sec-ch-ua-platform-version": '"15.0.0"',
    }
    answer = service.login(headers=headers)
    assert answer.headers["accept-ch"] == "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"
    assert answer.data["session"]["device_info"]["os_version"] == "11"


@pytest.mark.parametrize(
    "user_agent",
    ["x" * 100_000, "a\r\nSet-Cookie: b=c", "\x00\x1b[31m", "Mozilla/5.0 (" * 9999, "\u202e", ""],
)
def test_hostile_user_agent_is_accepted(service, user_agent):
    answer = service.login(user_agent=user_agent)
    assert answer.status == 200
    session = answer.data["session"]
    assert len(session["user_agent"]) <= 512
    assert session["user_agent"].isprintable()
    assert session["device_name"].isprintable()
