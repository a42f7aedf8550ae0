"""The profile on the deployed stack: pictures through bucket and edge, and access."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import pytest
from PIL import Image

from latchkey.domain.ids import new_id
from latchkey.domain.limits import AVATAR_FORM_MAX_BYTES, AVATAR_MAX_BYTES
from latchkey.storage.media import CACHE_CONTROL
from tests.support.api import PASSWORD, a_fresh_address, error_code, fetch, upload
from tests.support.bad_input import (
    BAD_PREFERENCES,
    BAD_PROFILES,
    HOSTILE_JSON,
    HOSTILE_PREFERENCES,
    NO_LANGUAGES,
    NOT_THEIRS_TO_SET,
    NOT_UTF8,
    READABLE_NAMES,
)
from tests.support.pictures import HOSTILE, HTML, SCRIPT, jpeg, multipart, png

ME = "/api/v1/users/me"
UPLOADS = f"{ME}/avatar/uploads"
PREFERENCES = f"{ME}/preferences"


@pytest.fixture
def ada(api):
    return api.register().json()["data"]["access_token"]


def offer(api, token, content_type="image/png", **headers: str):
    body = {"content_type": content_type}
    return api.call("POST", UPLOADS, token=token, json=body, headers=headers)


def show(api, token, offered):
    body = {"upload_id": offered["upload_id"]}
    return api.call("PUT", f"{ME}/avatar", token=token, json=body)


def test_picture_is_uploaded_to_the_bucket_and_served_by_the_edge(api, stack, ada):
    offered = offer(api, ada).json()["data"]
    assert urlsplit(offered["url"]).hostname == "127.0.0.1"
    assert show(api, ada, offered).status_code == 409
    assert upload(offered, png((900, 700))).status_code == 204
    shown = show(api, ada, offered)
    assert shown.status_code == 200, shown.text
    url = shown.json()["data"]["avatar_url"]
    assert url.startswith(f"{stack.base_url}/media/avatars/avt_")

    served = fetch(url)
    assert served.status_code == 200
    assert served.headers["content-type"] == "image/webp"
    assert served.headers["x-content-type-options"] == "nosniff"
    assert served.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "immutable" in served.headers["cache-control"]
    assert Image.open(io.BytesIO(served.content)).size == (512, 512)

    assert error_code(show(api, ada, offered)) == "UPLOAD_NOT_FOUND"
    removed = api.call("DELETE", f"{ME}/avatar", token=ada)
    assert removed.json()["data"]["avatar_url"] is None
    assert fetch(url).status_code == 404
    bucket = stack.deployment.outputs["MediaBucketName"]
    left = stack.client("s3").list_objects_v2(Bucket=bucket)
    assert url.rpartition("/")[2] not in str(left.get("Contents"))


def test_upload_limit_is_five_mebibytes(api, ada):
    offered = offer(api, ada, "image/jpeg").json()["data"]
    full = jpeg((800, 800)) + b"\0" * (AVATAR_MAX_BYTES - len(jpeg((800, 800))))
    assert upload(offered, full + b"\0").status_code == 400
    assert show(api, ada, offered).status_code == 409
    assert upload(offered, full).status_code == 204
    assert show(api, ada, offered).status_code == 200


def test_form_changes_text_and_picture_together(api, ada):
    """Also the largest picture that a form may bring; a byte more changes nothing."""

    def send_form(**parts):
        form, content_type = multipart(**parts)
        headers = {"content-type": content_type}
        return api.call("PATCH", ME, token=ada, content=form, headers=headers)

    full = png() + b"\0" * (AVATAR_FORM_MAX_BYTES - len(png()))
    answer = send_form(display_name="Countess", age="36", avatar=("me.png", full))
    assert answer.status_code == 200, answer.text
    refused = send_form(age="37", avatar=("me.png", full + b"\0"))
    assert (refused.status_code, error_code(refused)) == (400, "VALIDATION_ERROR")
    assert api.me(ada).json() == answer.json()
    data = answer.json()["data"]
    assert (data["display_name"], data["age"]) == ("Countess", 36)
    assert fetch(data["avatar_url"]).headers["content-type"] == "image/webp"


def test_uploads_are_never_served(api, stack, ada):
    offered = offer(api, ada).json()["data"]
    upload(offered, HTML)
    key = offered["fields"]["key"]
    for path in (f"/{key}", f"/media/{key}", f"/media/avatars/../../{key}", f"/media/../{key}"):
        answer = fetch(stack.base_url + path)  # a path without a suffix is a route of the page
        assert HTML not in answer.content, path
        assert answer.status_code == 404 or "latchkey-settings" in answer.text, path


def test_repeated_key_makes_one_upload(api, ada):
    key = {"idempotency-key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    first, second = (offer(api, ada, **key).json()["data"] for _ in range(2))
    assert first["upload_id"] == second["upload_id"]
    again = offer(api, ada, "image/webp", **key)
    assert (again.status_code, error_code(again)) == (422, "IDEMPOTENCY_KEY_REUSED")


def test_change_with_an_outdated_etag_is_refused(api, ada):
    seen = {"if-match": api.me(ada).headers["etag"]}
    assert api.call("PATCH", ME, token=ada, json={"age": 36}, headers=seen).status_code == 200
    refused = api.call("PATCH", ME, token=ada, json={"age": 37}, headers=seen)
    assert (refused.status_code, error_code(refused)) == (412, "PRECONDITION_FAILED")


def test_static_routes_take_precedence_and_other_accounts_are_not_found(api, ada):
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
    reset = api.call("DELETE", f"{ME}/preferences", token=own)
    assert set(reset.json()["data"].values()) == {None}


def test_others_see_the_name_and_the_avatar(api, ada):
    bob = api.register().json()["data"]
    changed = api.call("PATCH", ME, token=bob["access_token"], json={"display_name": "Bob"})
    assert changed.status_code == 200
    shown = {"id": bob["user"]["id"], "display_name": "Bob", "avatar_url": None}
    one = api.call("GET", f"/api/v1/profiles/{shown['id']}", token=ada)
    assert one.json()["data"] == shown
    several = api.call(
        "GET", f"/api/v1/profiles?ids={new_id('usr', datetime.now(UTC))},{shown['id']}", token=ada
    )
    assert several.json()["data"] == {"profiles": [shown]}
    missing = api.call("GET", "/api/v1/profiles", token=ada)
    assert (missing.status_code, error_code(missing)) == (400, "VALIDATION_ERROR")
    assert api.call("GET", f"/api/v1/profiles/{shown['id']}").status_code == 401


def test_consent_is_stored_with_time_device_and_wording(api, stack):
    registered = api.register().json()["data"]
    own, elsewhere = (
        registered["access_token"],
        api.login(registered["user"]["email"]).json()["data"],
    )
    for token, given in ((own, True), (elsewhere["access_token"], False)):
        body = {"marketing_consent": given}
        assert api.call("PATCH", ME, token=token, json=body).status_code == 200
    withdrawn, agreed = api.call("GET", f"{ME}/consents", token=own).json()["data"]["consents"]
    assert (agreed["consent"], agreed["decision"]) == ("marketing", "given")
    assert (withdrawn["consent"], withdrawn["decision"]) == ("marketing", "withdrawn")
    assert agreed["session_id"] == registered["session"]["id"]
    assert withdrawn["session_id"] == elsewhere["session"]["id"]
    assert agreed["decided_at"] < withdrawn["decided_at"]
    (version,) = {agreed["text_version"], withdrawn["text_version"]}
    name = stack.deployment.function_name("update_me")
    variables = stack.client("lambda").get_function_configuration(FunctionName=name)["Environment"]
    assert version == variables["Variables"]["CONSENT_TEXT_VERSION"]


def test_sweep_removes_unused_files_but_no_recent_ones(stack):
    now = datetime.now(UTC)
    old, fresh = (new_id("avt", now - timedelta(days=days)) for days in (1, 0))
    s3, dynamodb = stack.client("s3"), stack.client("dynamodb")
    bucket = stack.deployment.outputs["MediaBucketName"]
    for avatar_id in (old, fresh):
        s3.put_object(
            Bucket=bucket,
            Key=f"media/avatars/{avatar_id}.webp",
            Body=b"webp",
            ContentType="image/webp",
            CacheControl=CACHE_CONTROL,
        )
        item = {"pk": {"S": "UNSHOWN_AVATARS"}, "sk": {"S": avatar_id}}
        dynamodb.put_item(TableName=stack.table_name, Item=item)
    for _ in range(2):
        stack.invoke("sweep_avatars", {})
        assert served(stack, old) == 404
        assert served(stack, fresh) == 200
    s3.delete_object(Bucket=bucket, Key=f"media/avatars/{fresh}.webp")
    dynamodb.delete_item(TableName=stack.table_name, Key=item)


def served(stack, avatar_id):
    return fetch(f"{stack.base_url}/media/avatars/{avatar_id}.webp").status_code


# What is refused leaves everything as it was ------------------------------------------------------


class Settled:
    """Somebody who has a profile, a picture and preferences, and how all of it looked."""

    def __init__(self, api) -> None:
        self.api = api
        registered = api.register(full_name="Ada Lovelace", speaking_language="en").json()["data"]
        self.email = registered["user"]["email"]
        self.token = registered["access_token"]
        self.upload = offer(api, self.token).json()["data"]
        assert upload(self.upload, png()).status_code == 204
        assert show(api, self.token, self.upload).status_code == 200
        self.call("PATCH", ME, json={"display_name": "Countess", "marketing_consent": True})
        self.call("PUT", PREFERENCES, json={"wifi": "fast", "coffee": {"cups": 2.5}})
        self.before = self.state()

    def call(self, method, path, **options):
        return self.api.call(method, path, token=self.token, **options)

    def profile(self):
        """The account with its version, and the preferences."""
        me, preferences = self.call("GET", ME), self.call("GET", PREFERENCES)
        assert (me.status_code, preferences.status_code) == (200, 200)
        return me.headers["etag"], me.json(), preferences.json()

    def state(self):
        """Everything that they can see of theirs, to the byte."""
        profile, consents = self.profile(), self.call("GET", f"{ME}/consents").json()
        picture = fetch(profile[1]["data"]["avatar_url"])
        assert picture.status_code == 200
        return profile, consents, picture.content

    def require_refused(self, answer, status, code, *problem):
        """Fail unless it was refused just so, and the profile is as it was."""
        assert (answer.status_code, error_code(answer)) == (status, code), answer.text
        details = answer.json()["error"].get("details", [])
        assert [(d["field"], d["code"]) for d in details] == ([problem] if problem else [])
        assert self.profile() == self.before[0]


@pytest.fixture(scope="module")
def somebody(api):
    return Settled(api)


@pytest.fixture
def settled(somebody):
    yield somebody
    assert somebody.state() == somebody.before


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_invalid_picture_does_not_replace_the_picture(settled, content):
    offered = offer(settled.api, settled.token).json()["data"]
    fits = 1 <= len(content) <= AVATAR_MAX_BYTES
    assert upload(offered, content).status_code == (204 if fits else 400)
    refused = show(settled.api, settled.token, offered)
    if not fits:
        settled.require_refused(refused, 409, "UPLOAD_NOT_COMPLETE")
        return
    settled.require_refused(refused, 400, "UNUSABLE_PICTURE")
    assert error_code(show(settled.api, settled.token, offered)) == "UPLOAD_NOT_FOUND"


def test_form_with_an_invalid_file_changes_nothing(settled):
    too_short = ("avatar", "TOO_SHORT")
    for name, problem in [("svg", ()), ("half a jpeg", ()), ("empty", too_short)]:
        form, content_type = multipart(age="36", avatar=("me.png", HOSTILE[name]))
        headers = {"content-type": content_type}
        refused = settled.call("PATCH", ME, content=form, headers=headers)
        settled.require_refused(refused, 400, "UNUSABLE_PICTURE", *problem)


def test_polyglot_file_is_stored_as_a_picture_only(api, ada):
    offered = offer(api, ada).json()["data"]
    assert upload(offered, png() + SCRIPT).status_code == 204
    served = fetch(show(api, ada, offered).json()["data"]["avatar_url"])
    assert Image.open(io.BytesIO(served.content)).format == "WEBP"
    assert b"script" not in served.content


def test_upload_works_once_for_its_owner(settled, api, ada):
    theirs = offer(api, ada).json()["data"]
    assert upload(theirs, jpeg()).status_code == 204
    for offered in (theirs, settled.upload, {"upload_id": "../" + theirs["upload_id"]}):
        refused = show(settled.api, settled.token, offered)
        settled.require_refused(refused, 404, "UPLOAD_NOT_FOUND")
    assert show(api, ada, theirs).status_code == 200


# In process each list is tried from end to end; here, what there is of each kind.


@pytest.mark.parametrize(("body", "field", "code"), BAD_PROFILES[:9])
def test_deceptive_name_is_refused(settled, body, field, code):
    refused = settled.call("PATCH", ME, json=body)
    settled.require_refused(refused, 400, "VALIDATION_ERROR", field, code)


@pytest.mark.parametrize("field", NOT_THEIRS_TO_SET[:4])
def test_protected_fields_are_unknown(settled, field):
    refused = settled.call("PATCH", ME, json={"age": 36, field: "admin"})
    settled.require_refused(refused, 400, "VALIDATION_ERROR", field, "UNKNOWN_FIELD")


@pytest.mark.parametrize("language", NO_LANGUAGES[:3])
def test_unregistered_language_is_refused(settled, language):
    code = "INVALID_LANGUAGE_CODE"
    refused = settled.call("PATCH", ME, json={"age": 36, "speaking_language": language})
    settled.require_refused(refused, 400, code, "speaking_language", code)


def test_too_large_or_invalid_preferences_are_refused(settled):
    seventeen = {"coffee": "x" * 17 * 1024}
    for document, field, code in (*BAD_PREFERENCES[:3], (seventeen, "body", "TOO_LARGE")):
        refused = settled.call("PUT", PREFERENCES, json=document)
        settled.require_refused(refused, 400, "VALIDATION_ERROR", field, code)


@pytest.mark.parametrize("lost", NOT_UTF8)
def test_text_that_is_not_utf_8_is_refused(settled, lost):
    headers = {"content-type": "application/json"}
    profile = b'{"display_name": "%s"}' % lost
    refused = settled.call("PATCH", ME, content=profile, headers=headers)
    settled.require_refused(refused, 400, "VALIDATION_ERROR", "body", "MALFORMED_JSON")
    preferences = b'{"coffee": "%s"}' % lost
    refused = settled.call("PUT", PREFERENCES, content=preferences, headers=headers)
    settled.require_refused(refused, 400, "VALIDATION_ERROR", "body", "MALFORMED_JSON")


def test_invalid_utf_8_password_is_refused(api):
    headers = {"content-type": "application/json"}
    body = b'{"email": "%s", "password": "%s kettle monsoon violet %s"}'
    address = a_fresh_address().encode()
    for path, lost in (
        ("register", (b"\xe4\xf6\xfc", b"\xdf")),
        ("login", (b"\xe9\xe8\xea", b"\xf1")),
    ):
        sent = body % (address, *lost)
        answer = api.call("POST", f"/api/v1/auth/{path}", content=sent, headers=headers)
        assert (answer.status_code, error_code(answer)) == (400, "VALIDATION_ERROR")


@pytest.mark.parametrize("name", READABLE_NAMES, ids=ascii)
def test_names_with_joiners_are_accepted(api, ada, name):
    answer = api.call("PATCH", ME, token=ada, json={"display_name": name, "location": name})
    assert answer.status_code == 200, answer.text
    assert answer.json()["data"]["display_name"] == name
    assert api.me(ada).json()["data"]["location"] == name


@pytest.mark.parametrize("password", ["thisismypassword", "1q2w3e4r5t6y7u8i9o0p", "\ufdfa"])
def test_common_password_is_refused(api, password):
    answer = api.register(password=password)
    assert (answer.status_code, error_code(answer)) == (400, "PASSWORD_NOT_ACCEPTED")


def test_put_without_a_body_clears_nothing(settled):
    refused = settled.call("PUT", PREFERENCES)
    settled.require_refused(refused, 400, "VALIDATION_ERROR", "body", "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    ("method", "path", "texts"),
    [("PATCH", ME, HOSTILE_JSON), ("PUT", PREFERENCES, HOSTILE_PREFERENCES)],
    ids=["profile", "preferences"],
)
def test_hostile_json_is_refused(settled, method, path, texts):
    headers = {"content-type": "application/json"}
    for text, code in texts:
        refused = settled.call(method, path, content=text, headers=headers)
        settled.require_refused(refused, 400, "VALIDATION_ERROR", "body", code)


def test_list_of_addresses_is_refused(settled):
    addresses = [settled.email, a_fresh_address()]
    for path in ("/api/v1/auth/register", "/api/v1/auth/password/forgot", f"{ME}/email"):
        body = {"email": addresses} | ({"password": PASSWORD} if "register" in path else {})
        refused = settled.call("POST", path, json=body)
        settled.require_refused(refused, 400, "VALIDATION_ERROR", "email", "WRONG_TYPE")
    assert settled.api.login(addresses[1]).status_code == 401
