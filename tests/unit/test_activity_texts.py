"""The texts of the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from latchkey.domain.activity_texts import TEXTS, describe_row
from latchkey.domain.audit import Action, AuditRecord
from latchkey.domain.language import Language, choose_language

WHEN = datetime(2026, 1, 2, tzinfo=UTC)


def row(action, **fields: Any):
    known: dict[str, Any] = {
        "id": "aud_1",
        "at": WHEN,
        "subject_id": "sub_1",
        "actor": "sub_1",
        "request_id": "r",
    }
    return AuditRecord(action=action, **(known | fields))


def test_every_action_has_a_text():
    assert set(TEXTS) == set(Action)
    for text in TEXTS.values():
        assert text.en
        assert text.de


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("language", Language)
def test_texts_need_only_fields_that_rows_have(action, language):
    assert "{" not in describe_row(row(action), {}, language)


def test_sentence_names_both_devices():
    personal = {"device": "iPhone", "from_device": "Chrome on Windows"}
    revoked = row(Action.SESSION_REVOKED_BY_OWNER, targets=("ses_1",))
    english = describe_row(revoked, personal, Language.ENGLISH)
    assert english == "Signed out iPhone from Chrome on Windows"
    german = describe_row(revoked, personal, Language.GERMAN)
    assert german == "Abgemeldet: iPhone (von: Chrome on Windows)"


def test_sentence_does_not_name_the_device_as_its_subject():
    personal = {"device": "Ada's phone", "from_device": "Chrome on Windows"}
    renamed = describe_row(row(Action.SESSION_RENAMED), personal, Language.ENGLISH)
    assert renamed == "Renamed a device to “Ada's phone” (from Chrome on Windows)"


def test_sentence_names_an_actor_other_than_the_person():
    by_admin = row(Action.AUDIT_READ_BY_ADMIN, actor="sub_2")
    assert describe_row(by_admin, {}, Language.ENGLISH) == "Read this history (by an administrator)"
    by_system = row(Action.SESSION_ENDED_BY_LIMIT, actor="system")
    assert describe_row(by_system, {}, Language.GERMAN).endswith("(automatisch)")


@pytest.mark.parametrize(
    ("count", "english", "german"),
    [
        (0, "Changed the password", "Passwort geändert"),
        (
            1,
            "Changed the password and signed out 1 device",
            "Passwort geändert, 1 Gerät abgemeldet",
        ),
        (
            2,
            "Changed the password and signed out 2 devices",
            "Passwort geändert, 2 Geräte abgemeldet",
        ),
    ],
)
def test_sentence_counts_devices_with_plurals(count, english, german):
    changed = row(Action.PASSWORD_CHANGED, targets=("ses_1",) * count)
    assert describe_row(changed, {}, Language.ENGLISH) == english
    assert describe_row(changed, {}, Language.GERMAN) == german


@pytest.mark.parametrize(
    ("tags", "language"),
    [
        (["de-AT", "en"], Language.GERMAN),
        (["fr", "de"], Language.GERMAN),
        (["fr"], Language.ENGLISH),
        ([], Language.ENGLISH),
        ([""], Language.ENGLISH),
    ],
)
def test_first_supported_language_is_chosen(tags, language):
    assert choose_language(tags) is language
