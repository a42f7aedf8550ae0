"""Links and forms are signed for the bucket's regional host, in every region."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from latchkey.domain.avatar import AvatarUpload, PictureType
from latchkey.storage import boto_client
from latchkey.storage.media import MediaBucket
from latchkey.storage.s3_export_files import S3ExportFiles
from tests.support.builders import NOW

# An old region, one opened after March 2019 (which the global host does not serve), and the region
# whose host botocore leaves unnamed by default.
REGIONS = ("eu-west-1", "eu-south-1", "us-east-1")


@pytest.fixture(params=REGIONS)
def region(request, monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", request.param)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    boto_client._session.cache_clear()
    yield request.param
    boto_client._session.cache_clear()


def test_an_export_link_names_the_regional_host(region):
    files = S3ExportFiles("exports", credentials_end=lambda: None)
    url, _ = files.link("exp_1", file_name="your-data.zip", now=NOW)
    assert urlsplit(url).netloc == f"exports.s3.{region}.amazonaws.com"
    assert f"%2F{region}%2Fs3%2Faws4_request" in url


def test_an_upload_form_names_the_regional_host(region):
    upload = AvatarUpload(
        id="upl_1",
        account_id="usr_1",
        content_type=PictureType.PNG,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )
    form = MediaBucket("pictures").presign_upload(upload, NOW)
    assert urlsplit(form.url).netloc == f"pictures.s3.{region}.amazonaws.com"
