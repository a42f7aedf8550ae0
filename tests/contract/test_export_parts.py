"""Exports have all stored data of a person and no secrets.

A new key in `storage/keys.py`, or a new stored field, must be added to `flows/export_parts.py`, as
exported or as left out.
"""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from latchkey.domain.account import Account
from latchkey.domain.audit import AuditRecord
from latchkey.domain.consent import Consent
from latchkey.domain.export import Export
from latchkey.domain.mail_health import MailSuppression
from latchkey.domain.preferences import Preferences
from latchkey.domain.session import Device, Session
from latchkey.flows import export_parts
from latchkey.flows.export_parts import NOT_EXPORTED, PARTS
from latchkey.storage import keys


def kinds_of_items():
    """The functions of keys.py that address an item: each is a kind of thing that is stored."""
    return {
        name
        for name, function in inspect.getmembers(keys, inspect.isfunction)
        if function.__module__ == keys.__name__
        and not name.startswith("_")
        and inspect.signature(function).return_annotation == "Key"
    }


def test_every_kind_of_item_is_in_the_export_or_left_out_with_a_reason():
    shown = {kind for part in PARTS for kind in part.item_kinds}
    assert shown & set(NOT_EXPORTED) == set()
    assert shown | set(NOT_EXPORTED) == kinds_of_items(), "say it in flows/export_parts.py"
    assert all(NOT_EXPORTED.values())


FIELDS = {
    Account: (export_parts.ACCOUNT_FIELDS, export_parts.ACCOUNT_WITHHELD),
    Preferences: (export_parts.PREFERENCES_FIELDS, {}),
    Consent: (export_parts.CONSENT_FIELDS, {}),
    Session: (
        (*export_parts.SESSION_FIELDS, "device", "location", "last_use"),
        export_parts.SESSION_WITHHELD,
    ),
    Device: (export_parts.DEVICE_FIELDS, {}),
    MailSuppression: (export_parts.MAIL_SUPPRESSION_FIELDS, {}),
    Export: (export_parts.EXPORT_FIELDS, export_parts.EXPORT_WITHHELD),
    AuditRecord: (export_parts.HISTORY_FIELDS, export_parts.HISTORY_WITHHELD),
}


@pytest.mark.parametrize("kind", FIELDS, ids=lambda kind: kind.__name__)
def test_every_field_is_exported_or_withheld_with_a_reason(kind):
    shown, withheld = FIELDS[kind]
    assert set(shown) & set(withheld) == set()
    stored = {field.name for field in dataclasses.fields(kind)}
    assert set(shown) | set(withheld) == stored, "say it in flows/export_parts.py"


def test_parts_have_names_that_make_files_and_columns_that_differ():
    assert len({part.name for part in PARTS}) == len(PARTS)
    for part in PARTS:
        assert part.name.replace("-", "").isalnum()
        assert len(set(part.columns)) == len(part.columns)
        assert part.about.endswith(".")
