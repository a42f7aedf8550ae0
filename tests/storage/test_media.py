"""The media bucket: the fake in memory behaves like S3."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from latchkey.domain.avatar import AvatarUpload, PictureType
from latchkey.domain.ids import new_id
from latchkey.domain.limits import AVATAR_MAX_BYTES
from latchkey.storage.media import CACHE_CONTROL, MediaBucket
from tests.support.builders import NOW
from tests.support.media import MemoryMedia


@pytest.fixture
def bucket(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    with mock_aws():
        # Another one for each test: the mock of the whole run is around this one.
        name = new_id("media", NOW).replace("_", "-")
        boto3.client("s3", "us-east-1").create_bucket(Bucket=name)
        yield MediaBucket(name)


@pytest.fixture(params=["memory", "moto"])
def media(request):
    return MemoryMedia() if request.param == "memory" else request.getfixturevalue("bucket")


def an_upload(account_id="usr_1"):
    return AvatarUpload(
        id=new_id("upl", NOW),
        account_id=account_id,
        content_type=PictureType.PNG,
        created_at=NOW,
        expires_at=NOW + timedelta(minutes=15),
    )


def receive(media, upload, content):
    """Store a file as its owner's browser does, with the form that was signed for it."""
    media.presign_upload(upload, NOW)
    if isinstance(media, MemoryMedia):
        media.uploads[upload.id] = content
    else:
        key = f"incoming/{upload.account_id}/{upload.id}"
        media._s3.put_object(Bucket=media._bucket, Key=key, Body=content)


def test_upload_exists_until_it_is_deleted(media):
    upload, other = an_upload(), an_upload()
    receive(media, upload, b"as it came")
    assert media.read_upload(upload) == b"as it came"
    assert media.read_upload(other) is None
    # Somebody else's account makes another name of the same id.
    assert media.read_upload(dataclasses.replace(other, account_id="usr_2")) is None
    for _ in range(2):
        media.delete_upload(upload)
        assert media.read_upload(upload) is None


def test_an_offered_upload_is_not_there(media):
    upload = an_upload()
    media.presign_upload(upload, NOW)
    assert media.list_uploads("usr_1") == []
    receive(media, upload, b"x")
    assert media.list_uploads("usr_1") == [upload.id]


def test_only_uploads_of_the_person_are_deleted(media):
    mine, hers = [an_upload() for _ in range(3)], an_upload("usr_10")
    for upload in (*mine, hers):
        receive(media, upload, b"x")
    assert sorted(media.list_uploads("usr_1")) == sorted(upload.id for upload in mine)
    for _ in range(2):
        media.delete_uploads("usr_1")
        assert media.list_uploads("usr_1") == []
    assert media.list_uploads("usr_10") == [hers.id]
    assert media.read_upload(hers) == b"x"


def test_picture_exists_until_it_is_deleted(media):
    media.put_avatar("avt_1", b"webp")
    assert media.read_avatar("avt_1") == b"webp"
    assert media.read_avatar("avt_2") is None
    for _ in range(2):
        media.delete_avatar("avt_1")
        assert media.read_avatar("avt_1") is None


def test_a_form_is_for_one_file_of_one_name_type_and_size(media):
    upload = an_upload()
    post = media.presign_upload(upload, NOW)
    assert post.url.startswith("https://")
    assert post.fields["key"].endswith(upload.id)
    assert post.fields["Content-Type"] == "image/png"


# What only S3 can tell -----------------------------------------------------------------------


def test_signed_form_limits_the_upload(bucket, monkeypatch):
    signed = {}
    presign = bucket._s3.generate_presigned_post

    def spy(*names, **terms):
        signed.update(terms)
        return presign(*names, **terms)

    monkeypatch.setattr(bucket._s3, "generate_presigned_post", spy)
    upload = an_upload()
    bucket.presign_upload(upload, NOW + timedelta(seconds=30))
    assert ["content-length-range", 1, AVATAR_MAX_BYTES] in signed["Conditions"]
    assert {"Content-Type": "image/png"} in signed["Conditions"]
    assert signed["ExpiresIn"] == (upload.upload_until - NOW).total_seconds() - 30


def test_picture_has_its_type_and_a_public_cache_header(bucket):
    bucket.put_avatar("avt_1", b"webp")
    head = bucket._s3.head_object(Bucket=bucket._bucket, Key="media/avatars/avt_1.webp")
    assert (head["ContentType"], head["CacheControl"]) == ("image/webp", CACHE_CONTROL)


def test_too_large_upload_is_read_only_up_to_the_limit(bucket):
    upload = an_upload()
    receive(bucket, upload, b"\0" * (AVATAR_MAX_BYTES + 10))
    assert len(bucket.read_upload(upload)) == AVATAR_MAX_BYTES + 1
