"""The profile on the deployed stack: pictures by bucket and edge, and who may see what."""

from __future__ import annotations

import io
from urllib.parse import urlsplit

import httpx
import pytest
from PIL import Image

from tests.support.api import error_code
from tests.support.pictures import HTML, jpeg, multipart, png

ME = "/api/v1/users/me"
UPLOADS = f"{ME}/avatar/uploads"
MAX_BYTES = 5 * 1024 * 1024


@pytest.fixture
def ada(api):
    return api.register().json()["data"]["access_token"]


def offer(api, token, content_type="image/png", **headers: str):
    body = {"content_type": content_type}
    return api.call("POST", UPLOADS, token=token, json=body, headers=headers)


def send(offered, content):
    """Send the form as a browser does: the fields, then the file."""
    return httpx.post(
        offered["url"], data=offered["fields"], files={"file": ("me.png", content)}, timeout=30
    )


def show(api, token, offered):
    body = {"upload_id": offered["upload_id"]}
    return api.call("PUT", f"{ME}/avatar", token=token, json=body)


def test_a_picture_goes_through_the_bucket_and_comes_back_through_the_edge(api, stack, ada):
    offered = offer(api, ada).json()["data"]
    assert urlsplit(offered["url"]).hostname == "127.0.0.1"
    assert show(api, ada, offered).status_code == 409
    assert send(offered, png((900, 700))).status_code == 204
    shown = show(api, ada, offered)
    assert shown.status_code == 200, shown.text
    url = shown.json()["data"]["avatar_url"]
    assert url.startswith(f"{stack.base_url}/media/avatars/avt_")

    served = httpx.get(url)
    assert served.status_code == 200
    assert served.headers["content-type"] == "image/webp"
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "immutable" in served.headers["cache-control"]
    assert Image.open(io.BytesIO(served.content)).size == (512, 512)

    assert error_code(show(api, ada, offered)) == "UPLOAD_NOT_FOUND"
    removed = api.call("DELETE", f"{ME}/avatar", token=ada)
    assert removed.json()["data"]["avatar_url"] is None
    assert httpx.get(url).status_code == 404
    bucket = stack.deployment.outputs["MediaBucketName"]
    left = stack.client("s3").list_objects_v2(Bucket=bucket)
    assert url.rpartition("/")[2] not in str(left.get("Contents"))


def test_five_mebibytes_pass_and_a_byte_more_does_not(api, ada):
    offered = offer(api, ada, "image/jpeg").json()["data"]
    full = jpeg((800, 800)) + b"\0" * (MAX_BYTES - len(jpeg((800, 800))))
    assert send(offered, full + b"\0").status_code == 400
    assert show(api, ada, offered).status_code == 409
    assert send(offered, full).status_code == 204
    assert show(api, ada, offered).status_code == 200


def test_a_page_that_calls_itself_a_picture_is_refused(api, ada):
    offered = offer(api, ada).json()["data"]
    assert send(offered, HTML).status_code == 204
    refused = show(api, ada, offered)
    assert (refused.status_code, error_code(refused)) == (400, "UNUSABLE_PICTURE")
    assert api.me(ada).json()["data"]["avatar_url"] is None


def test_a_form_changes_text_and_picture_together(api, ada):
    form, content_type = multipart(display_name="Countess", age="36", avatar=("me.png", png()))
    headers = {"content-type": content_type}
    answer = api.call("PATCH", ME, token=ada, content=form, headers=headers)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert (data["display_name"], data["age"]) == ("Countess", 36)
    assert httpx.get(data["avatar_url"]).headers["content-type"] == "image/webp"


def test_nothing_that_was_uploaded_is_ever_served(api, stack, ada):
    offered = offer(api, ada).json()["data"]
    send(offered, HTML)
    key = offered["fields"]["key"]
    for path in (f"/{key}", f"/media/{key}", f"/media/avatars/../../{key}", f"/media/../{key}"):
        answer = httpx.get(stack.base_url + path)  # a path without a suffix is a door of the page
        assert HTML not in answer.content, path
        assert answer.status_code == 404 or "latchkey-settings" in answer.text, path


def test_the_same_key_makes_one_upload(api, ada):
    key = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first, second = (offer(api, ada, **key).json()["data"] for _ in range(2))
    assert first["upload_id"] == second["upload_id"]
    again = offer(api, ada, "image/webp", **key)
    assert (again.status_code, error_code(again)) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_a_change_of_what_has_changed_since_is_refused(api, ada):
    seen = {"if-match": api.me(ada).headers["etag"]}
    assert api.call("PATCH", ME, token=ada, json={"age": 36}, headers=seen).status_code == 200
    refused = api.call("PATCH", ME, token=ada, json={"age": 37}, headers=seen)
    assert (refused.status_code, error_code(refused)) == (412, "PRECONDITION_FAILED")


def test_static_routes_win_over_an_id_and_other_peoples_accounts_are_not_there(api, ada):
    bob = api.register().json()["data"]
    path = f"/api/v1/users/{bob['user']['id']}"
    for refused in (
        api.call("GET", path, token=ada),
        api.call("PUT", path, token=ada, json={"full_name": "Mallory"}),
        api.call("GET", f"{path}/preferences", token=ada),
    ):
        assert (refused.status_code, error_code(refused)) == (404, "ACCOUNT_NOT_FOUND")
    own = bob["access_token"]
    assert api.call("GET", path, token=own).json()["data"]["id"] == bob["user"]["id"]
    preferences = {"wifi": True, "coffee": {"cups": 2.5}}
    set_ = api.call("PUT", f"{ME}/preferences", token=own, json=preferences)
    assert set_.status_code == 200
    by_id = api.call("GET", f"{path}/preferences", token=own).json()["data"]
    assert by_id == set_.json()["data"]
    api.call("PATCH", ME, token=own, json={"marketing_consent": True})
    (consent,) = api.call("GET", f"{ME}/consents", token=own).json()["data"]["consents"]
    assert (consent["consent"], consent["decision"]) == ("marketing", "given")
