"""Packs and index files: what is written is read again, and a damaged pack is a ValueError."""

from __future__ import annotations

import random
import zlib
from dataclasses import replace
from datetime import timedelta

import pytest

from latchkey.domain import index_files, packed_requests
from latchkey.domain.index_files import IndexFile, IndexReader, build_file, merge_files
from latchkey.domain.packed_requests import (
    key_of_line,
    line_of,
    lines_of_subject,
    pack,
    record_of_line,
    split_lines,
    unpack,
)
from tests.support.builders import NOW

SUBJECTS = [f"sub_{number:026d}" for number in range(3)]


def a_line(number, subject=SUBJECTS[0], at=1767323045000):
    return (
        f'["{subject}",{at + number},"request-{number}","get_me","ses_{"0" * 26}","AAAA"]'.encode()
    )


LINES = [a_line(number, SUBJECTS[number % 3]) for number in range(9)]


def test_lines_are_read_as_they_were_packed():
    assert list(unpack(pack(LINES))) == LINES
    assert lines_of_subject(pack(LINES), SUBJECTS[1]) == LINES[1::3]
    assert all(line_of(record_of_line(line)) == line for line in LINES)


def replaced(number, content):
    columns = pack(LINES)
    columns[number] = content
    return columns


@pytest.mark.parametrize(
    "columns",
    [
        [],
        pack(LINES)[:-1],
        [*pack(LINES), b""],
        replaced(0, b"not compressed"),
        replaced(0, zlib.compress(b"one line")),
        replaced(1, zlib.compress(b"\n".join([b"x"] * 9))),
        replaced(2, None),
        replaced(5, zlib.compress(b"\n".join([b"3"] * 8))),
        replaced(6, pack(LINES)[6][:-1]),
        replaced(6, pack(LINES)[6] + b"more"),
        # What was written by somebody else: values that no line may have, and a bomb.
        replaced(0, zlib.compress(b"\n".join([b"x" * 26] * 9))),
        replaced(0, zlib.compress(b"\n".join([b'","' + b"0" * 23] * 9))),
        replaced(1, zlib.compress(b"\n".join([b"-1"] * 9))),
        replaced(1, zlib.compress(b"\n".join([b"1"] * 9))),
        replaced(1, zlib.compress(b"\n".join([b"1767323045000", b"3600000", *[b"0"] * 7]))),
        replaced(1, zlib.compress(b"\n".join([b"1767323045000", b"-1", *[b"0"] * 7]))),
        replaced(2, zlib.compress(b"\n".join([b'a"b'] * 9))),
        replaced(2, zlib.compress("\n".join(["ä"] * 9).encode())),
        replaced(3, zlib.compress(b"\n".join([b"a\\u000a"] * 9))),
        replaced(4, zlib.compress(b"\n".join([b'"'] * 9))),
        replaced(5, zlib.compress(b"\n".join([b"-1", b"10", *[b"0"] * 7]))),
        replaced(2, zlib.compress(b"a" * 50_000_000)),
    ],
)
def test_damaged_pack_is_refused(columns):
    with pytest.raises(ValueError, match=r"."):
        list(unpack(columns))


def test_pack_has_its_lines_once_by_time_and_a_maximum_size(monkeypatch):
    assert list(split_lines([])) == []
    assert list(split_lines([*reversed(LINES), *LINES])) == [LINES]
    monkeypatch.setattr(packed_requests, "AUDIT_PACK_MAX_BYTES", 4 * len(LINES[0]))
    assert list(split_lines(LINES)) == [LINES[:4], LINES[4:8], LINES[8:]]
    monkeypatch.setattr(packed_requests, "AUDIT_PACK_MAX_BYTES", 1)
    assert list(split_lines(LINES)) == [[line] for line in LINES]


@pytest.mark.parametrize(
    "change",
    [
        {"subject_id": None},
        {"subject_id": "usr_" + "0" * 26},
        {"session_id": "ses_short"},
        {"request_id": 'quoted"'},
        {"request_id": "back\\slash"},
        {"operation": "line\nbreak"},
        {"request_id": "x" * 4097},
        {"at": NOW + timedelta(days=366 * 300)},
    ],
)
def test_request_that_does_not_fit_into_a_line_is_refused(change):
    record = record_of_line(LINES[0])
    with pytest.raises(ValueError, match="unknown form"):
        line_of(type(record)(**{**fields_of(record), **change}))


def fields_of(record):
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


# Files -------------------------------------------------------------------------------------------


class Files:
    """Files in memory, with the ranges that were read."""

    def __init__(self) -> None:
        self.contents: dict[str, bytes] = {}
        self.reads: list[tuple[str, int, int]] = []

    def read(self, name, start, end):
        self.reads.append((name, start, end))
        return self.contents[name][start:end]

    def add(self, name, lines):
        content, directory = build_file(lines)
        self.contents[name] = content
        return IndexFile(
            name=name,
            level=1,
            hour=0,
            first=key_of_line(lines[0]).decode(),
            last=key_of_line(lines[-1]).decode(),
            lines=len(lines),
            directory=directory,
            size=len(content),
            added_at=0,
        )


def test_whole_file_is_read_in_ranges_of_several_members(monkeypatch):
    monkeypatch.setattr(index_files, "AUDIT_INDEX_MEMBER_BYTES", 1)
    files, lines = Files(), sorted(LINES)
    file = files.add("a", lines)
    member = file.directory // len(lines)
    monkeypatch.setattr(index_files, "READ_BYTES", 3 * member)
    assert list(IndexReader(files, file).after(b"")) == lines
    assert len(files.reads) in (1 + 3, 1 + 4)
    assert list(IndexReader(files, file).after(lines[4])) == lines[5:]


def test_range_is_read_by_member(monkeypatch):
    monkeypatch.setattr(index_files, "AUDIT_INDEX_MEMBER_BYTES", 200)
    chance = random.Random(3)
    lines = sorted(
        a_line(n, f"sub_{chance.randrange(9):026}", 1767323045000 + chance.randrange(500))
        for n in range(2000)
    )
    files = Files()
    file = files.add("x", lines)
    keys = sorted({key_of_line(line) for line in lines})
    for _ in range(200):
        low, high = sorted((chance.choice(keys), chance.choice(keys)))
        expected = [line for line in lines if low <= key_of_line(line) <= high]
        reader = IndexReader(files, file)
        assert list(reader.between(low, high)) == expected
        assert list(reader.between(low, high, newest_first=True)) == expected[::-1]
        after = chance.choice(lines)
        later = [line for line in lines if line > after]
        assert list(IndexReader(files, file).after(after)) == later
        assert list(merge_files(files, [file, replace(file)], after)) == later
    files.reads.clear()
    newest = IndexReader(files, file).between(keys[0], keys[-1], newest_first=True)
    assert next(newest) == lines[-1]
    assert len(files.reads) == 2


def test_merge_continues_after_a_line_and_opens_no_file_before_it():
    files, lines = Files(), sorted(LINES)
    first, second = files.add("first", lines[:4]), files.add("second", lines[4:])
    assert list(merge_files(files, [second, first], b"")) == lines
    files.reads.clear()
    assert list(merge_files(files, [second, first], lines[4])) == lines[5:]
    assert {name for name, _, _ in files.reads} == {"second"}
    assert list(merge_files(files, [first, second], lines[-1])) == []
