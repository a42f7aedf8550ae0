"""Publishing the page: cache headers, order, and repetition."""

from __future__ import annotations

import boto3
import pytest
from moto import mock_aws

from tools import publish_page
from tools.publish_page import FOR_EVER, REVALIDATED, PageError, publish, summary

BUCKET = "page"


class CloudFront:
    """Notes invalidations; refuses them when told to."""

    def __init__(self) -> None:
        self.made: list[tuple[str, list[str]]] = []
        self.refuses = False

    def create_invalidation(self, DistributionId, InvalidationBatch):  # noqa: N803 - AWS's names
        if self.refuses:
            raise RuntimeError
        self.made.append((DistributionId, InvalidationBatch["Paths"]["Items"]))
        return {"Invalidation": {"Id": f"I{len(self.made)}"}}


@pytest.fixture
def s3(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


@pytest.fixture
def dist(tmp_path):
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<latchkey-page>")
    (tmp_path / "assets/page.js").write_text("1")
    (tmp_path / "assets/page-4NQ2ZB7K.css").write_text("2")
    (tmp_path / "assets/icon.svg").write_text("<svg/>")
    return tmp_path


@pytest.fixture
def cloudfront():
    return CloudFront()


def published(dist, s3, cloudfront, **options):
    order = []
    s3.meta.events.register(
        "before-call.s3",
        lambda model, params, **_: order.append(
            (model.name, params["url_path"].rpartition("/")[2])
        ),
    )
    done = publish(dist, bucket=BUCKET, distribution="D1", s3=s3, cloudfront=cloudfront, **options)
    return done, [each for each in order if each[0] in {"PutObject", "DeleteObject"}]


def test_assets_are_uploaded_before_the_page_and_old_files_removed_last(s3, dist, cloudfront):
    s3.put_object(Bucket=BUCKET, Key="assets/old.js", Body=b"0")
    done, order = published(dist, s3, cloudfront)
    assert [name for _, name in order][-2:] == ["index.html", "old.js"]
    assert order[-1][0] == "DeleteObject"
    assert (len(done.uploaded), done.removed) == (4, ["assets/old.js"])
    assert cloudfront.made == [("D1", ["/*"])]
    assert "4 files uploaded, 1 removed, invalidation I1" in summary(done, "latchkey")


def test_only_hashed_names_are_cached_for_ever(s3, dist, cloudfront):
    published(dist, s3, cloudfront)
    found = {
        item["Key"]: s3.head_object(Bucket=BUCKET, Key=item["Key"])
        for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    assert {name: head["CacheControl"] for name, head in found.items()} == {
        "index.html": REVALIDATED,
        "assets/page.js": REVALIDATED,
        "assets/icon.svg": REVALIDATED,
        "assets/page-4NQ2ZB7K.css": FOR_EVER,
    }
    assert found["assets/page.js"]["ContentType"] == "text/javascript; charset=utf-8"
    assert found["assets/icon.svg"]["ContentType"] == "image/svg+xml"


def test_build_has_no_hashed_names():
    """If the build starts to hash its names, this says that they may be kept for ever."""
    names = ["latchkey-settings.js", "latchkey-settings.de.js", "page.js.map", "index.html"]
    assert [name for name in names if publish_page.HASHED.search(name)] == []


def test_second_run_changes_nothing(s3, dist, cloudfront):
    published(dist, s3, cloudfront)
    done, order = published(dist, s3, cloudfront)
    assert (list(done.uploaded), list(done.removed), done.invalidation, order) == ([], [], None, [])
    assert len(cloudfront.made) == 1
    assert "nothing has changed" in summary(done, "latchkey")


def test_only_changed_files_are_uploaded(s3, dist, cloudfront):
    published(dist, s3, cloudfront)
    (dist / "assets/page.js").write_text("3")
    done, _ = published(dist, s3, cloudfront)
    assert done.uploaded == ["assets/page.js"]
    assert done.invalidation == "I2"


def test_wrong_cache_header_is_corrected(s3, dist, cloudfront):
    published(dist, s3, cloudfront)
    s3.put_object(Bucket=BUCKET, Key="index.html", Body=b"<latchkey-page>")
    done, _ = published(dist, s3, cloudfront)
    assert done.uploaded == ["index.html"]


def test_failed_invalidation_can_be_repeated(s3, dist, cloudfront):
    cloudfront.refuses = True
    with pytest.raises(RuntimeError):
        published(dist, s3, cloudfront)
    cloudfront.refuses = False
    done, _ = published(dist, s3, cloudfront, force=True)
    assert (list(done.uploaded), done.invalidation) == ([], "I1")


def test_without_a_page_nothing_is_removed(s3, tmp_path, cloudfront):
    s3.put_object(Bucket=BUCKET, Key="index.html", Body=b"live")
    with pytest.raises(PageError, match="make page"):
        published(tmp_path, s3, cloudfront)
    assert s3.list_objects_v2(Bucket=BUCKET)["KeyCount"] == 1


def test_stack_without_a_page_is_an_error(monkeypatch):
    monkeypatch.setattr(publish_page, "physical_id", lambda *_asked: None)
    monkeypatch.setattr(publish_page.boto3, "client", lambda *_asked: None)
    assert publish_page.publish_to("latchkey") is None
    assert "serves no page" in summary(None, "latchkey")
