"""Avatars: only valid pictures, only one's own, and consistent at any time."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from latchkey.domain.errors import TemporarilyUnavailable
from latchkey.domain.limits import (
    AVATAR_FORM_MAX_BYTES,
    AVATAR_ORPHAN_GRACE_SECONDS,
    AVATAR_UPLOAD_FINISH_SECONDS,
)
from latchkey.storage.table import Query
from latchkey.wiring.users import avatars
from tests.support.media import Crash
from tests.support.person import ME, Person, audit_rows, stored_items
from tests.support.pictures import HOSTILE, jpeg, multipart, png, webp

UPLOADS = f"{ME}/avatar/uploads"
AVATAR = f"{ME}/avatar"


@pytest.fixture
def bob(service):
    return Person(service, "bob@example.com")


def offer(person, content_type="image/png", **headers: str):
    body = {"content_type": content_type}
    return person.request("POST", UPLOADS, json_body=body, headers=headers or None)


def upload(person, content):
    """Start an upload and send the file."""
    upload_id = offer(person).data["upload_id"]
    person.service.media.uploads[upload_id] = content
    return upload_id


def show(person, upload_id, **options):
    return person.request("PUT", AVATAR, json_body={"upload_id": upload_id}, **options)


def send_form(person, **parts):
    form, content_type = multipart(**parts)
    return person.request("PATCH", ME, raw_body=form, headers={"content-type": content_type})


def shown_file(person):
    """The file behind the person's avatar_url, or None."""
    url = person.get().data["avatar_url"]
    if url is None:
        return None
    assert url.startswith("https://media.test/media/avatars/avt_")
    return person.service.media.avatars[url.rpartition("/")[2].removesuffix(".webp")]


def orphans(service):
    return [i["sk"] for i in service.table.query(Query(partition="UNSHOWN_AVATARS")).items]


def state(service):
    return stored_items(service), dict(service.media.avatars)


# The way of a picture ------------------------------------------------------------------------


@pytest.mark.parametrize("content", [png(), jpeg(), webp()], ids=["png", "jpeg", "webp"])
def test_an_upload_becomes_the_avatar(service, ada, content):
    answer = show(ada, upload(ada, content))
    assert answer.status == 200
    assert answer.headers["etag"] == ada.get().headers["etag"]
    image = Image.open(io.BytesIO(shown_file(ada)))
    assert (image.format, image.size) == ("WEBP", (48, 48))
    assert (service.media.uploads, orphans(service)) == ({}, [])
    (row,) = audit_rows(service, "profile.changed")
    assert row["changed"] == ["avatar_url"]


def test_new_avatar_has_a_new_address_and_the_old_file_is_deleted(service, ada):
    first = show(ada, upload(ada, png())).data["avatar_url"]
    second = show(ada, upload(ada, jpeg())).data["avatar_url"]
    assert first != second
    assert len(service.media.avatars) == 1
    assert shown_file(ada)
    assert orphans(service) == []


def test_avatar_can_be_removed_twice(service, ada):
    show(ada, upload(ada, png()))
    for _ in range(2):
        answer = ada.request("DELETE", AVATAR)
        assert (answer.status, answer.data["avatar_url"]) == (200, None)
    assert (service.media.avatars, orphans(service)) == ({}, [])


def test_an_upload_can_be_used_once(service, ada):
    upload_id = upload(ada, png())
    assert show(ada, upload_id).status == 200
    service.media.uploads[upload_id] = jpeg()
    before = state(service)
    again = show(ada, upload_id)
    assert (again.status, again.code) == (404, "UPLOAD_NOT_FOUND")
    assert state(service) == before


def test_upload_of_another_person_is_like_an_unknown_one(service, ada, bob):
    theirs = upload(bob, png())
    before = state(service)
    for upload_id in (theirs, "upl_" + "0" * 26, "../" + theirs, "x"):
        answer = show(ada, upload_id)
        assert (answer.status, answer.code) == (404, "UPLOAD_NOT_FOUND")
    assert state(service) == before
    assert show(bob, theirs).status == 200


def test_incomplete_upload_can_be_completed(service, ada):
    upload_id = offer(ada).data["upload_id"]
    answer = show(ada, upload_id)
    assert (answer.status, answer.code) == (409, "UPLOAD_NOT_COMPLETE")
    service.media.uploads[upload_id] = png()
    assert show(ada, upload_id).status == 200


def test_an_upload_expires(service, ada):
    upload_id = upload(ada, png())
    service.clock.advance(seconds=AVATAR_UPLOAD_FINISH_SECONDS)
    ada.token = service.login().data["access_token"]
    assert show(ada, upload_id).code == "UPLOAD_NOT_FOUND"


def test_three_uploads_may_be_pending_and_a_used_one_makes_room(service, ada, bob):
    ids = [upload(ada, png()) for _ in range(3)]
    before = state(service)
    refused = offer(ada)
    assert (refused.status, refused.code) == (429, "TOO_MANY_PENDING_UPLOADS")
    assert 0 < int(refused.headers["retry-after"]) <= AVATAR_UPLOAD_FINISH_SECONDS
    assert state(service) == before
    assert offer(bob).status == 201
    show(ada, ids[1])
    assert offer(ada).status == 201
    assert offer(ada).status == 429
    service.clock.advance(seconds=AVATAR_UPLOAD_FINISH_SECONDS)
    ada.token = service.login().data["access_token"]
    assert [offer(ada).status for _ in range(4)] == [201, 201, 201, 429]


@pytest.mark.parametrize("content_type", ["image/svg+xml", "image/gif", "text/html", "", None, 1])
def test_only_pictures_may_be_uploaded(ada, content_type):
    answer = offer(ada, content_type)
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")


def test_change_with_an_outdated_etag_is_refused(service, ada):
    seen = {"if-match": ada.get().headers["etag"]}
    ada.patch({"age": 36})
    upload_id = upload(ada, png())
    before = state(service)
    assert show(ada, upload_id, headers=seen).status == 412
    assert state(service) == before
    assert ada.request("DELETE", AVATAR, headers=seen).status == 412
    assert show(ada, upload_id).status == 200


# Idempotency keys ----------------------------------------------------------------------------


@pytest.mark.parametrize("second", ['"8e03978e-40d5"', "8e03978e-40d5"])
def test_repeated_key_creates_nothing_new(service, ada, second):
    first = offer(ada, **{"idempotency-key": '"8e03978e-40d5"'})
    before = state(service)
    service.clock.advance(minutes=1)
    again = offer(ada, **{"idempotency-key": second})
    assert (first.status, again.status) == (201, 201)
    assert again.data == first.data
    assert state(service) == before


def test_key_with_another_body_is_refused(service, ada):
    key = {"idempotency-key": "k"}
    offer(ada, **key)
    before = state(service)
    answer = offer(ada, "image/webp", **key)
    assert (answer.status, answer.code) == (422, "IDEMPOTENCY_KEY_REUSED")
    assert state(service) == before


def test_key_belongs_to_its_owner_and_expires_after_a_day(service, ada, bob):
    key = {"idempotency-key": "k"}
    first = offer(ada, **key).data["upload_id"]
    assert offer(bob, **key).data["upload_id"] != first
    service.clock.advance(hours=24)
    ada.token = service.login().data["access_token"]
    assert offer(ada, **key).data["upload_id"] != first


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "\u00e9", '"', '"unfinished', "a\x7f"])
def test_a_bad_key_is_refused(service, ada, key):
    before = state(service)
    answer = offer(ada, **{"idempotency-key": key})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert state(service) == before


def test_no_credentials_are_stored_with_a_key(service, ada):
    offer(ada, **{"idempotency-key": "k"})
    (item,) = [i for i in service.table.all_items() if str(i["sk"]).startswith("IDEMPOTENCY#")]
    assert set(item) == {"pk", "sk", "fingerprint", "created", "expires_at", "ttl"}
    assert set(item["created"]) == {"id", "account_id", "content_type", "created_at", "expires_at"}


# Invalid pictures --------------------------------------------------------------------------


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_invalid_picture_is_refused_and_the_old_one_stays(service, ada, content):
    show(ada, upload(ada, png()))
    before = state(service)
    upload_id = upload(ada, content)
    answer = show(ada, upload_id)
    assert (answer.status, answer.code) == (400, "UNUSABLE_PICTURE")
    assert state(service) == before
    assert service.media.uploads == {}
    assert show(ada, upload_id).code == "UPLOAD_NOT_FOUND"
    assert shown_file(ada)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_form_with_an_invalid_picture_changes_nothing(service, ada, content):
    before = state(service)
    answer = send_form(ada, age="36", avatar=("me.png", content))
    assert answer.status == 400
    assert state(service) == before


# Forms ---------------------------------------------------------------------------------------


def test_form_changes_text_and_picture_together(service, ada):
    ada.patch({"location": "London"})
    answer = send_form(
        ada,
        display_name="Countess \u00c9",
        age="36",
        marketing_consent="true",
        location="",
        speaking_language="pt-br",
        avatar=("me.png", png()),
    )
    assert answer.status == 200
    data = answer.data
    assert (data["display_name"], data["age"]) == ("Countess \u00c9", 36)
    assert (data["marketing_consent"], data["location"]) == (True, None)
    assert data["speaking_language"] == "pt-BR"
    assert shown_file(ada)
    assert len(audit_rows(service, "profile.changed")) == 2


def test_form_without_a_picture_keeps_the_picture(ada):
    show(ada, upload(ada, png()))
    before = shown_file(ada)
    assert send_form(ada, age="36").status == 200
    assert send_form(ada, age="37", avatar=("", b"")).data["age"] == 37
    assert shown_file(ada) == before


def test_form_accepts_four_mebibytes_and_no_more(service, ada):
    # Trailing bytes are not a part of the picture and are dropped.
    full = jpeg() + b"\0" * (AVATAR_FORM_MAX_BYTES - len(jpeg()))
    assert send_form(ada, avatar=("me.jpg", full)).status == 200
    before = state(service)
    answer = send_form(ada, age="36", avatar=("me.jpg", full + b"\0"))
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert state(service) == before


@pytest.mark.parametrize(
    "parts",
    [
        {"role": "admin"},
        {"email": "eve@example.com"},
        {"avatar_url": "http://169.254.169.254/"},
        {"age": "old"},
        {"age": "36.5"},
        {"speaking_language": "en_US"},
        {"display_name": "\u202eadA"},
        {"avatar": "http://example.com/me.png"},
        {"display_name": ("name.txt", b"Ada")},
        {"marketing_consent": ""},
        {"display_name": "x" * 70_000},
    ],
)
def test_a_bad_form_changes_nothing(service, ada, parts):
    before = state(service)
    answer = send_form(ada, **parts)
    assert answer.status == 400
    assert state(service) == before


@pytest.mark.parametrize(
    ("content_type", "form"),
    [
        ("multipart/form-data", b"--x\r\n\r\n--x--"),
        ("multipart/form-data; boundary=", b"--\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"no form"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--\r\n"),
        ("multipart/form-data; boundary=" + "x" * 5000, b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="age"\r\n\r\n\xff\r\n--x--\r\n',
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="age"\r\n\r\n1\r\n' * 2 + b"--x--\r\n",
        ),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' * 5000 + b"--x--\r\n",
        ),
    ],
)
def test_a_broken_form_is_refused(service, ada, content_type, form):
    before = state(service)
    answer = ada.request("PATCH", ME, raw_body=form, headers={"content-type": content_type})
    assert (answer.status, answer.code) == (400, "VALIDATION_ERROR")
    assert state(service) == before


def test_taken_username_keeps_the_picture(service, ada, bob):
    bob.patch({"username": "bob"})
    before = state(service)
    answer = send_form(ada, username="bob", avatar=("me.png", png()))
    assert (answer.status, answer.code) == (409, "USERNAME_TAKEN")
    assert state(service) == before


# Crashes -------------------------------------------------------------------------------------


def transaction_dies(service, *, after):
    """Crash the process before or after the transaction that changes the avatar."""
    transact = service.table.transact

    def dying(writes):
        if any(write.key.sk == "ACCOUNT" for write in writes):
            service.table.transact = transact
            if after:
                transact(writes)
            raise Crash
        transact(writes)

    service.table.transact = dying


def marker_write_dies(service, step):
    """Crash the process before it writes an orphan marker."""
    ledger = service.services[avatars].store

    def dying(avatar_id):
        delattr(ledger, step)
        raise Crash

    setattr(ledger, step, dying)


@pytest.mark.parametrize(
    ("step", "new_shown", "left_orphans"),
    [
        ("read_upload", False, 0),
        ("put_orphan_marker", False, 0),
        ("put_avatar", False, 1),
        ("before the transaction", False, 1),
        ("after the transaction", True, 1),
        ("delete_avatar", True, 1),
        ("remove_orphan_marker", True, 1),
        ("delete_upload", True, 0),
    ],
)
def test_crash_leaves_a_working_avatar_and_the_sweep_cleans_up(
    service, ada, step, new_shown, left_orphans
):
    old = show(ada, upload(ada, png())).data["avatar_url"]
    upload_id = upload(ada, jpeg())
    if "transaction" in step:
        transaction_dies(service, after=step.startswith("after"))
    elif step.endswith("_marker"):
        marker_write_dies(service, step)
    else:
        service.media.fail_at(step, Crash())
    with pytest.raises(Crash):
        show(ada, upload_id)

    assert (ada.get().data["avatar_url"] != old) is new_shown
    assert shown_file(ada)
    assert len(orphans(service)) == left_orphans
    assert show(ada, upload_id).status == (404 if new_shown else 200)
    assert shown_file(ada)

    service.services[avatars].sweep(service.clock.now())
    assert len(orphans(service)) == left_orphans, "a change may be under way"
    service.clock.advance(seconds=AVATAR_ORPHAN_GRACE_SECONDS + 1)
    service.services[avatars].sweep(service.clock.now())
    ada.token = service.login().data["access_token"]
    assert (len(service.media.avatars), orphans(service)) == (1, [])
    assert shown_file(ada)


@pytest.mark.parametrize(
    "step", ["before the transaction", "after the transaction", "delete_avatar"]
)
def test_crash_during_removal_shows_the_avatar_or_none(service, ada, step):
    show(ada, upload(ada, png()))
    if "transaction" in step:
        transaction_dies(service, after=step.startswith("after"))
    else:
        service.media.fail_at(step, Crash())
    with pytest.raises(Crash):
        ada.request("DELETE", AVATAR)
    assert (shown_file(ada) is None) is (step != "before the transaction")
    assert ada.request("DELETE", AVATAR).data["avatar_url"] is None
    service.clock.advance(seconds=AVATAR_ORPHAN_GRACE_SECONDS + 1)
    service.services[avatars].sweep(service.clock.now())
    assert (service.media.avatars, orphans(service)) == ({}, [])


@pytest.mark.parametrize("conditional", [False, True], ids=["any version", "If-Match"])
@pytest.mark.parametrize("step", ["read_upload", "put_avatar"])
def test_parallel_uses_of_one_upload_succeed_once(service, ada, step, conditional):
    """The second request runs after the first has found its upload, or has written its file.

    It deletes the uploaded file, or changes the account, before the first one. The loser gets the
    same error in both cases, and the same as a later request.
    """
    upload_id = upload(ada, png())
    options = {"headers": {"if-match": ada.get().headers["etag"]}} if conditional else {}
    undisturbed, second = getattr(service.media, step), []

    def overtaken(*arguments):
        setattr(service.media, step, undisturbed)
        second.append(show(ada, upload_id, **options))
        return undisturbed(*arguments)

    setattr(service.media, step, overtaken)
    first, later = show(ada, upload_id, **options), show(ada, upload_id, **options)
    assert second[0].status == 200
    for lost in (first, later):
        assert (lost.status, lost.code) == (404, "UPLOAD_NOT_FOUND")
    assert ada.get().data["avatar_url"] == second[0].data["avatar_url"]
    assert shown_file(ada)
    assert (len(service.media.avatars), orphans(service)) == (1, [])


@pytest.mark.parametrize("others", [0, 2], ids=["three slots are free", "one slot is free"])
def test_parallel_requests_with_one_key_get_one_upload(service, ada, others):
    """The second request runs after the first has read the key and before it claims it."""
    for _ in range(others):
        offer(ada)
    key = {"idempotency-key": '"one-key"'}
    ledger = service.services[avatars].store
    second = []

    def overtaken(leave, *, also=()):
        del ledger.put_upload
        second.append(offer(ada, **key))
        ledger.put_upload(leave, also=also)

    ledger.put_upload = overtaken
    first = offer(ada, **key)
    assert (first.status, second[0].status) == (201, 201)
    assert first.data["upload_id"] == second[0].data["upload_id"]
    assert [offer(ada).status for _ in range(3 - others)] == [201] * (2 - others) + [429]


@pytest.mark.parametrize("step", ["delete_avatar", "delete_upload"])
def test_outage_after_the_change_is_not_an_error(service, ada, step):
    show(ada, upload(ada, png()))
    service.media.fail_at(step, TemporarilyUnavailable(retry_after_seconds=1))
    assert show(ada, upload(ada, jpeg())).status == 200
    assert shown_file(ada)


@pytest.mark.parametrize("step", ["read_upload", "put_avatar"])
def test_outage_before_the_change_is_a_503_without_a_change(service, ada, step):
    old = show(ada, upload(ada, png())).data["avatar_url"]
    upload_id = upload(ada, jpeg())
    service.media.fail_at(step, TemporarilyUnavailable(retry_after_seconds=1))
    assert show(ada, upload_id).status == 503
    assert ada.get().data["avatar_url"] == old
    assert show(ada, upload_id).status == 200


def test_lost_response_keeps_the_new_file(service, ada):
    transact = service.table.transact

    def loses_its_answer(writes):
        transact(writes)
        if any(write.key.sk == "ACCOUNT" for write in writes):
            raise TemporarilyUnavailable(retry_after_seconds=1)

    upload_id = upload(ada, png())
    service.table.transact = loses_its_answer
    assert show(ada, upload_id).status == 503
    service.table.transact = transact
    assert shown_file(ada)
