"""What the layer keeps of botocore: `layers/shared/build/trim_botocore.py`."""

from __future__ import annotations

import hashlib
import re
import runpy
import shutil
import ssl
from pathlib import Path
from types import SimpleNamespace

import botocore
import pytest
from botocore.httpsession import DEFAULT_CA_BUNDLE
from botocore.loaders import Loader
from botocore.session import Session
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tools.template import ROOT

BUILD = ROOT / "layers/shared/build"
INSTALLED = Path(botocore.__file__).parent
trim_botocore = SimpleNamespace(**runpy.run_path(str(BUILD / "trim_botocore.py")))
"""In no package, because the layer's build runs it alone."""
REGIONS = ("us-east-1", "eu-south-2", "us-gov-west-1")
PUBLISHED = {
    "fbe3018031f9586bcbf41727e417b7d1c45c2f47f93be372a17b96b50757d5a2",
    "7f4296fc5b6a4e3b35d3c369623e364ab1af381d8fa7121533c9d6c633ea2461",
    "36abc32656acfc645c61b71613c4bf21c787f5cabbee48348d58597803d7abc9",
    "f7ecded5c66047d28ed6466b543c40e0743abe81d109254dcf845d4c2c7853c5",
    "2b071c59a0a0ae76b0eadb2bad23bad4580b69c3601b630c2eaf0613afa83f92",
}
"""SHA-256 digests of the public keys of AWS's roots.
Source: https://www.amazontrust.com/repository/"""


def services():
    """The services that the layer's makefile names."""
    (line,) = re.findall(r"^SERVICES := (.*)$", (BUILD / "layer.mk").read_text(), re.MULTILINE)
    return line.split()


SERVICES = services()


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    """A copy of the installed botocore, with two services too many, trimmed."""
    copy = tmp_path_factory.mktemp("botocore")
    data = copy / "data"
    data.mkdir()
    for source in INSTALLED.joinpath("data").iterdir():
        if source.is_file():
            shutil.copy(source, data)
    for service in (*SERVICES, "ec2", "sesv2"):
        shutil.copytree(INSTALLED / "data" / service, data / service, dirs_exist_ok=True)
    shutil.copy(DEFAULT_CA_BUNDLE, copy)
    trim_botocore.main([str(copy), *SERVICES])
    return copy


@pytest.fixture(scope="module")
def sessions(package):
    """A session of the installed package, and one of the trimmed."""
    trimmed = Session()
    paths = [str(package / "data")]
    loader = Loader(extra_search_paths=paths, include_default_search_paths=False)
    trimmed.register_component("data_loader", loader)
    return Session(), trimmed


@pytest.mark.parametrize("service", SERVICES)
def test_clients_have_the_same_endpoints(sessions, service):
    for region in REGIONS:
        expected, found = (
            session.create_client(
                service, region, aws_access_key_id="id", aws_secret_access_key="secret"
            )
            for session in sessions
        )
        assert found.meta.endpoint_url == expected.meta.endpoint_url
        assert found.meta.partition == expected.meta.partition
        assert found._request_signer.region_name == expected._request_signer.region_name
        assert found._request_signer.signing_name == expected._request_signer.signing_name


def test_data_is_small(package):
    assert sorted(p.name for p in (package / "data").iterdir() if p.is_dir()) == sorted(SERVICES)
    assert (package / "data/endpoints.json").stat().st_size < 100_000
    assert (package / "cacert.pem").stat().st_size < 10_000


# The serial number of Starfield's root is 0, which RFC 5280 does not allow.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
def test_certificates_are_the_published_roots_of_aws(package):
    roots = x509.load_pem_x509_certificates((package / "cacert.pem").read_bytes())
    spki = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    found = {hashlib.sha256(root.public_key().public_bytes(*spki)).hexdigest() for root in roots}
    assert found == PUBLISHED
    context = ssl.create_default_context(cafile=package / "cacert.pem")
    assert context.cert_store_stats()["x509_ca"] == len(PUBLISHED)


def test_botocore_uses_its_own_certificates():
    """With certifi installed it would use certifi's."""
    assert "certifi" not in (ROOT / "requirements/runtime.txt").read_text()
    assert Path(DEFAULT_CA_BUNDLE) == INSTALLED / "cacert.pem"


def test_missing_root_ends_the_build(tmp_path):
    bundle = tmp_path / "cacert.pem"
    text = Path(DEFAULT_CA_BUNDLE).read_text()
    begin = text.index("-----BEGIN", text.index("Amazon Root CA 3"))
    bundle.write_text(text[:begin] + text[text.index("-----END", begin) :])
    with pytest.raises(SystemExit, match=r"lack Amazon Root CA 3\."):
        trim_botocore.trim_certificates(bundle)


def test_unknown_service_ends_the_build(tmp_path):
    (tmp_path / "s3").mkdir()
    with pytest.raises(SystemExit, match="botocore does not know sqs"):
        trim_botocore.trim_services(tmp_path, {"s3", "sqs"})
