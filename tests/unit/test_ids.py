"""Identifiers."""

from __future__ import annotations

from datetime import timedelta

from latchkey.domain.ids import ExportId, UploadId, is_id, new_id
from latchkey.storage import keys
from tests.support.builders import NOW, an_account


def test_ids_sort_by_time_and_are_unique():
    ids = [new_id("ses", NOW + timedelta(milliseconds=n)) for n in range(100)]
    assert ids == sorted(ids)
    assert len({new_id("ses", NOW) for _ in range(10_000)}) == 10_000


def test_ids_are_uuids_of_version_seven():
    alphabet = "0123456789abcdefghjkmnpqrstvwxyz"
    number = 0
    for character in new_id("ses", NOW).removeprefix("ses_"):
        number = number * 32 + alphabet.index(character)
    assert number.bit_length() <= 128
    assert (number >> 76) & 0xF == 7
    assert (number >> 62) & 0b11 == 0b10
    assert number >> 80 == int(NOW.timestamp() * 1000)


def test_malformed_ids_are_refused():
    good = new_id("ses", NOW)
    assert is_id("ses", good)
    for bad in (
        good[:-1],
        good + "0",
        good.upper(),
        good.replace("ses", "usr"),
        "ses_",
        "",
        "8" * 30,
    ):
        assert not is_id("ses", bad)


def test_an_id_of_another_kind_is_a_type_error() -> None:
    # mypy reports an unused ignore, and so proves that it refuses this call.
    account = an_account()
    swapped = keys.export(account.id, UploadId("upl_1"))  # type: ignore[arg-type]
    assert swapped != keys.export(account.id, ExportId("exp_1"))
