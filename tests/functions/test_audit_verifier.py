"""The offline verifier with forged and damaged copies: findings, never a traceback."""

from __future__ import annotations

import gzip
import io
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from latchkey.domain.audit_chain import canonical
from latchkey.domain.clock import to_milliseconds
from latchkey.storage.table import Key, Put
from tests.support.audit import audit_rows, captured_log, copy_of, stream_event
from tests.support.service import InProcessService
from tools.audit import export, verify
from tools.audit.__main__ import main
from tools.template import ROOT

LIVE = "live.ndjson"


def lived_in(name="ada"):
    """Make a deployment in which two people were, its rows chained; and the log's lines of that."""
    service = InProcessService()
    with captured_log() as log:
        for number in range(2):
            assert service.register(f"{name}{number}@example.com").status == 201
            at = to_milliseconds(service.clock.now())
            # Line ends of other programs, and characters outside the first plane.
            row = {"at": at, "action": "request.refused", "actor": "Zoë\u2028\x85\v\r🔑"}
            service.table.put(Put(Key(f"SUBJECT#{name}", f"aud_{name}{number}", "audit"), row))
            service.clock.advance(seconds=30)
            service._handler("chain_audit")(stream_event(audit_rows(service.table)), None)
            service._handler("anchor_audit")({}, None)
    log_lines = [json.loads(line) for line in log.getvalue().splitlines()]
    heads = [head for line in log_lines if line["message"] == "chained" for head in line["heads"]]
    return service, heads


def line_of(document):
    """Write a line of a copy again, with characters as they are."""
    return json.dumps(document, ensure_ascii=False).encode() + b"\n"


def write(service, heads, directory):
    """Write a copy as `fetch` does: half of it archived."""
    lines = [line_of(document) for document in copy_of(service.table)]
    for name, content in service.audit_vault.objects.items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    half = len(lines) // 2
    segment = directory / "archive/0/000000000001-000000000001.ndjson.gz"
    segment.parent.mkdir(parents=True)
    segment.write_bytes(gzip.compress(b"".join(lines[:half])))
    (directory / LIVE).write_bytes(b"".join(lines[half:]))
    (directory / verify.WITNESSES).write_text("".join(f"{head}\n" for head in heads))
    (directory / "keys.json").write_text(json.dumps(service.audit_key.jwks))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    directory = tmp_path_factory.mktemp("whole")
    write(*lived_in(), directory)
    return directory


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A copy of another deployment."""
    directory = tmp_path_factory.mktemp("other")
    write(*lived_in("bob"), directory)
    return directory


@pytest.fixture
def copy(whole, tmp_path):
    shutil.copytree(whole, tmp_path / "copy")
    return tmp_path / "copy"


def audit(copy, capsys):
    """Return how it ends, and what it says."""
    code = main(["verify", str(copy), "--keys", str(copy / "keys.json")])
    said = capsys.readouterr()
    return code, said.out.splitlines(), said.err


def read(path):
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def edit(path, change):
    """Change a file's lines, each read and written."""
    documents = read(path)
    change(documents)
    path.write_text("".join(json.dumps(document) + "\n" for document in documents))


def rows(documents):
    return [document["row"] for document in documents if "row" in document]


def blocks(documents):
    return [document["block"] for document in documents if "block" in document]


def test_unchanged_copy_verifies_with_the_verifier_file_alone(whole, tmp_path):
    alone = tmp_path / "auditor"
    alone.mkdir()
    shutil.copy(ROOT / "tools/audit/verify.py", alone)
    done = subprocess.run(  # noqa: S603 - our own interpreter, our own words
        [sys.executable, "-I", "verify.py", whole, "--keys", whole / "keys.json"],
        cwd=alone,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("as they were written\n")
    assert done.stdout.startswith("6 rows")


# Copies of earlier releases ----------------------------------------------------------------------

FIRST_FORMAT = Path(__file__).parent / "audit_format_1"
"""A copy that the release before cursors made: archives with rows, live rows, anchors, the log."""


@pytest.fixture
def first_format(tmp_path):
    shutil.copytree(FIRST_FORMAT, tmp_path / "copy")
    return tmp_path / "copy"


def first_format_report(directory):
    keys = verify.read_keys((FIRST_FORMAT / "public-keys.json").read_bytes())
    lines = verify.read_lines(directory)
    return verify.verify(
        lines, verify.read_anchors(directory), keys, verify.read_witnesses(directory)
    )


def test_copy_of_the_first_format_verifies(first_format):
    report = first_format_report(first_format)
    assert report.findings == []
    assert (report.rows, report.blocks, report.anchors, report.witnesses) == (26, 7, 4, 7)
    texts = [line.text for line in verify.read_lines(first_format)]
    assert not [text for text in texts if b"cursors" in text]


def test_every_edit_of_a_copy_of_the_first_format_is_found(first_format):
    edited = 0
    for path in sorted(first_format.rglob("*.ndjson*")):
        content = path.read_bytes()
        documents = [json.loads(line.text) for line in verify._lines(path, "here")]
        for row in rows(documents):
            for name in sorted(set(row) - {"pk", "sk"}):
                kept = row[name]
                row[name] = "forged"
                _rewrite(path, documents)
                (finding,) = first_format_report(first_format).findings
                assert finding.line().startswith(f"changed: {row['sk']} "), name
                row[name] = kept
                edited += 1
        path.write_bytes(content)
    assert edited > 200


def _rewrite(path, documents):
    text = b"".join(map(line_of, documents))
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)


@pytest.mark.parametrize("name", ["format", "cursors"])
def test_cursors_are_part_of_what_is_signed(whole, name):
    keys = verify.read_keys((whole / "keys.json").read_bytes())
    documents = [json.loads(line.text) for line in verify.read_lines(whole)]
    block = blocks(documents)[0]
    if name == "cursors":
        del block["cursors"]
    else:
        block["cursors"][0][2] += 1
    assert "forged" in {finding.kind for finding in findings(documents, keys)}


@pytest.mark.parametrize(
    "odd",
    [None, 7, {}, [7], [[]], [["s", "1"]], [["s", 1, 1]], [["s", "1", -1]], [["s", "1", 1]] * 2],
)
def test_malformed_cursors_are_a_finding(whole, odd):
    keys = verify.read_keys((whole / "keys.json").read_bytes())
    documents = [json.loads(line.text) for line in verify.read_lines(whole)]
    blocks(documents)[0]["cursors"] = odd
    assert "unreadable" in {finding.kind for finding in findings(documents, keys)}


@pytest.mark.parametrize(
    "odd", [None, [], {}, {"pk": "a", "sk": "b"}, {"pk": "a", "sk": "b", "at": "c"}]
)
def test_malformed_note_of_a_missing_row_is_a_finding(whole, odd):
    keys = verify.read_keys((whole / "keys.json").read_bytes())
    documents = [json.loads(line.text) for line in verify.read_lines(whole)]
    assert [f.kind for f in findings([*documents, {"absent": odd}], keys)] == ["unreadable"]


# Files that are damaged --------------------------------------------------------------------------


def segment(copy):
    return next(copy.glob("archive/0/*"))


def anchor(copy):
    return max(copy.rglob("anchors/**/*.json"))


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def append(copy, content):
    put(copy / LIVE, (copy / LIVE).read_bytes() + content)


def shorten(path, by):
    put(path, path.read_bytes()[:-by])


DAMAGES = {
    "an archive cut off": lambda copy: shorten(segment(copy), 100),
    "an archive that is none": lambda copy: put(segment(copy), b"no gzip"),
    "an archive with junk in its middle": lambda copy: put(
        segment(copy), segment(copy).read_bytes()[:60] + bytes(60) + segment(copy).read_bytes()[60:]
    ),
    "a folder for an archive": lambda copy: (copy / "archive/1/x.ndjson.gz").mkdir(parents=True),
    "a line cut off": lambda copy: shorten(copy / LIVE, 40),
    "bytes that are no text": lambda copy: append(copy, b"\xff\xfe\x00\n"),
    "an empty line": lambda copy: append(copy, b"\n"),
    "a list": lambda copy: append(copy, b"[]\n"),
    "a number": lambda copy: append(copy, b"7\n"),
    "a number of no end": lambda copy: append(copy, b'{"row":' + b"9" * 5000 + b"}\n"),
    "a depth of no end": lambda copy: append(copy, b'{"row":' + b"[" * 200_000 + b"\n"),
    "a depth that can be read": lambda copy: append(
        copy, b'{"row":{"pk":"a","sk":"b","x":' + b"[" * 900 + b"]" * 900 + b"}}\n"
    ),
    "another word": lambda copy: append(copy, b'{"rows":{}}\n'),
    "a row and a block at once": lambda copy: append(copy, b'{"row":{},"block":{}}\n'),
    "a row that is none": lambda copy: append(copy, b'{"row":null}\n'),
    "a row without a key": lambda copy: append(copy, b'{"row":{"sk":"x"}}\n'),
    "a row with a list for a key": lambda copy: append(copy, b'{"row":{"pk":[],"sk":"x"}}\n'),
    "a name twice": lambda copy: append(copy, b'{"row":{"pk":"a","sk":"b","sk":"c"}}\n'),
    "a block that is none": lambda copy: append(copy, b'{"block":[]}\n'),
    "an anchor of nothing": lambda copy: put(anchor(copy), b""),
    "an anchor that is a list": lambda copy: put(anchor(copy), b"[]"),
    "an anchor that says nothing": lambda copy: put(anchor(copy), b"{}"),
    "an anchor that is a folder": lambda copy: (copy / "anchors/1.json").mkdir(parents=True),
    "an anchor cut off": lambda copy: shorten(anchor(copy), 1),
    "a line of the log cut off": lambda copy: shorten(copy / verify.WITNESSES, 30),
    "a line of the log that is none": lambda copy: put(copy / verify.WITNESSES, b"null\n"),
    "a folder for the log's lines": lambda copy: (
        (copy / verify.WITNESSES).unlink(),
        (copy / verify.WITNESSES).mkdir(),
    ),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_unreadable_file_is_a_finding(copy, capsys, damage):
    DAMAGES[damage](copy)
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert [line for line in said if line.startswith(("unreadable: ", "inserted: b: "))], said


ODD: list[Any] = [
    None,
    True,
    -1,
    0.5,
    "0",
    [],
    {},
    {"$bytes": 1},
    {"$bytes": "="},
    {"$bytes": "ä"},
    10**30,
]


@pytest.mark.parametrize("name", sorted(verify.BLOCK_NAMES))
def test_malformed_block_is_a_finding(whole, name):
    lines = [line.text for line in verify.read_lines(whole)]
    keys = verify.read_keys((whole / "keys.json").read_bytes())
    for odd in ODD:
        documents = [json.loads(text) for text in lines]
        blocks(documents)[0][name] = odd
        assert findings(documents, keys), odd
    documents = [json.loads(text) for text in lines]
    del blocks(documents)[0][name]
    assert findings(documents, keys)
    documents = [json.loads(text) for text in lines]
    blocks(documents)[0]["note"] = "more than was signed"
    assert findings(documents, keys)


def findings(documents, keys, anchors=()):
    texts = [
        [verify.Line("here", json.dumps(document).encode()) for document in part]
        for part in (documents, anchors)
    ]
    return verify.verify(texts[0], texts[1], keys).findings


@pytest.mark.parametrize("name", sorted(verify.ANCHOR_NAMES | verify.HEAD_NAMES))
def test_malformed_anchor_is_a_finding(whole, name):
    keys = verify.read_keys((whole / "keys.json").read_bytes())
    documents = [json.loads(line.text) for line in verify.read_lines(whole)]
    for odd in ODD:
        forged = json.loads(anchor(whole).read_text())
        (forged if name in forged else forged["heads"][0])[name] = odd
        assert findings(documents, keys, [forged]), odd


def test_randomly_damaged_copy_has_findings_or_verifies(whole, tmp_path, capsys):
    chance = random.Random(7)
    ends = set()
    for number in range(60):
        directory = tmp_path / str(number)
        shutil.copytree(whole, directory)
        path = chance.choice(sorted(p for p in directory.rglob("*") if p.is_file()))
        content = bytearray(path.read_bytes())
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(content))
            content[place : place + chance.randrange(1, 9)] = chance.randbytes(chance.randrange(9))
        path.write_bytes(content)
        ends.add(audit(directory, capsys)[0])
        shutil.rmtree(directory)
    # 0: a byte that means nothing, such as the time in an archive's head; 2: the keys.
    assert ends <= {0, 1, 2}
    assert 1 in ends


# Copies that were forged -------------------------------------------------------------------------


def test_trail_of_another_deployment_is_forged(whole, other, capsys):
    code = main(["verify", str(other), "--keys", str(whole / "keys.json")])
    said = capsys.readouterr().out.splitlines()
    report = said[-1]
    blocks_, anchors, heads = (int(report.split(", ")[n].split()[0]) for n in (1, 2, 3))
    assert code == 1
    assert len([line for line in said if line.startswith("forged: ")]) == blocks_ + anchors + heads


def test_rows_of_another_deployment_are_in_no_block(copy, other, capsys):
    foreign = rows(read(other / LIVE))
    append(copy, b"".join(line_of({"row": row}) for row in foreign))
    code, said, _ = audit(copy, capsys)
    assert code == 1
    reported = sorted(line.split(": ")[:2] for line in said[:-1])
    assert reported == sorted(["inserted", row["sk"]] for row in foreign)


@pytest.mark.parametrize("name", ["archive/0/0.ndjson", "zzz.ndjson"])
def test_blocks_of_another_deployment_do_not_replace_blocks(copy, other, capsys, name):
    put(copy / name, b"".join(line.text for line in verify.read_lines(other)))
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert {line.partition(":")[0] for line in said[:-1]} <= {
        "contradiction",
        "forged",
        "gap",
        "broken",
        "inserted",
    }
    ours = [row["sk"] for row in rows(read(copy / LIVE))]
    assert not [line for line in said if any(row_id in line for row_id in ours)]


def test_anchor_signed_by_another_key_with_the_same_name_is_forged(copy, other, capsys):
    forged = json.loads(anchor(other).read_text())
    forged["kid"] = json.loads(anchor(copy).read_text())["kid"]
    put(anchor(copy), json.dumps(forged).encode())
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert said[0].startswith("forged: anchors/")


def test_signature_of_a_block_is_not_valid_for_an_anchor(copy, capsys):
    head = json.loads((copy / verify.WITNESSES).read_text().splitlines()[0])
    put(copy / "anchors/2030.json", json.dumps(head).encode())
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert said[0].startswith("unreadable: anchors/2030.json: ")


def test_old_anchor_does_not_hide_removed_rows(copy, capsys):
    old, *_ = sorted(copy.rglob("anchors/**/*.json"))
    newest = anchor(copy)
    (copy / verify.WITNESSES).unlink()
    for path in (copy / LIVE, segment(copy)):
        put(path, gzip.compress(b"") if path.suffix == ".gz" else b"")
    put(newest, old.read_bytes())
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert all(line.startswith("cut: chain ") for line in said[:-1])


def test_duplicate_row_is_a_finding_and_the_original_is_not(copy, capsys):
    def add(documents):
        row = rows(documents)[0]
        documents.insert(0, {"row": {**row, "outcome": "FORGED"}})
        documents.append({"row": {**row, "outcome": True}})

    edit(copy / LIVE, add)
    code, (found, _), _ = audit(copy, capsys)
    assert code == 1
    assert found.startswith("contradiction: aud_")


def test_number_one_differs_from_true(copy, capsys):
    """Python takes them for equal, and for one key of a dict."""

    def change(documents):
        row = rows(documents)[0]
        documents.append({"row": {**row, "at": float(row["at"])}})

    edit(copy / LIVE, change)
    assert audit(copy, capsys)[0] == 1


def test_the_same_lines_twice_are_the_same_trail(copy, capsys):
    put(copy / "again.ndjson", b"".join(line.text for line in verify.read_lines(copy)))
    assert audit(copy, capsys)[0] == 0


def test_lone_surrogate_changes_a_row(copy, capsys):
    edit(copy / LIVE, lambda documents: rows(documents)[0].update(actor="\ud800"))
    code, (found, _), _ = audit(copy, capsys)
    assert code == 1
    assert found.startswith("changed: aud_")


def test_finding_is_one_line_for_any_row_id(copy, capsys):
    name = "x\n0 findings\x1b[2J\u202e" + "y" * 100_000
    append(copy, canonical({"row": {"pk": "SUBJECT#x", "sk": name}}) + b"\n")
    code, (found, summary), _ = audit(copy, capsys)
    assert code == 1
    assert found.startswith(r"inserted: x\n0 findings\x1b[2J\u202eyyy")
    assert len(found) < 400
    assert summary.endswith("1 findings")


def test_a_huge_row_is_read(copy, capsys):
    row = {"pk": "SUBJECT#x", "sk": "huge", "more": "z" * 30_000_000}
    append(copy, canonical({"row": row}) + b"\n")
    code, (found, _), _ = audit(copy, capsys)
    assert code == 1
    assert found.startswith("inserted: huge: ")


def test_finding_of_many_witnesses_is_reported_once(copy, capsys):
    for path in (copy / LIVE, segment(copy)):
        put(path, gzip.compress(b"") if path.suffix == ".gz" else b"")
    chains = {json.loads(h)["chain"] for h in (copy / verify.WITNESSES).read_text().splitlines()}
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert len(said) == len(chains) + 1


# Nothing to verify -------------------------------------------------------------------------------


def test_empty_copy_is_an_error(copy, tmp_path, capsys):
    empty = tmp_path / "empty"
    empty.mkdir()
    keys = str(copy / "keys.json")
    for directory in (empty, tmp_path / "nowhere", copy / LIVE):
        assert main(["verify", str(directory), "--keys", keys]) == 2
        assert "there is no" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        b'{"keys": [{}]}',
        b'{"keys": [{"kty": "RSA", "kid": "a", "n": "AQAB", "e": "AQAB"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AQ", "y": "AQ"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": "a", "x": "\xc3\xa4", "y": "AQ"}]}',
        b'{"keys": [{"kty": "EC", "crv": "P-256", "kid": ["a"], "x": "AQ", "y": "AQ"}]}',
    ],
)
def test_invalid_keys_are_an_error(copy, capsys, text):
    put(copy / "keys.json", text)
    code, said, error = audit(copy, capsys)
    assert (code, said) == (2, [])
    assert "can't be used" in error


def test_two_keys_of_one_name_are_refused(copy, other, capsys):
    first, second = (json.loads((d / "keys.json").read_text())["keys"][0] for d in (copy, other))
    put(copy / "keys.json", json.dumps({"keys": [first, {**second, "kid": first["kid"]}]}).encode())
    assert audit(copy, capsys)[0] == 2
    (copy / "keys.json").unlink()
    assert audit(copy, capsys)[0] == 2


def test_without_a_key_everything_is_forged(copy, capsys):
    put(copy / "keys.json", b'{"keys": []}')
    code, said, _ = audit(copy, capsys)
    assert code == 1
    assert "forged" in said[0]


# Fetching from a bucket that others have written -------------------------------------------------


class Bucket:
    """A bucket, as boto3 sees it."""

    def __init__(self, objects) -> None:
        self.objects = objects
        self.fetched: list[str] = []

    def get_paginator(self, operation):
        assert operation == "list_object_versions"
        return self

    def paginate(self, **_):
        return [{"Versions": [{"Key": name, "VersionId": "v1"} for name in self.objects]}]

    def get_object(self, *, Key, **_):  # noqa: N803 - boto3's name
        self.fetched.append(Key)
        return {"Body": io.BytesIO(self.objects[Key])}


def fetched(service, objects, directory):
    directory.mkdir()
    strange = export.fetch(directory, table=service.table, bucket="b", s3=Bucket(objects))
    return strange, len(blocks(read(directory / LIVE)))


def test_foreign_object_is_not_fetched(tmp_path):
    service, _ = lived_in()
    names = ["../../evil.json", "anchors/../../evil.json", "/etc/evil", "archive/x", "a\nb"]
    names += [
        "rows/../1-2.ndjson.gz",
        "rows/a/../1-2.ndjson.gz",
        "rows//1-2.ndjson.gz",
        "rows/ä/1-2.ndjson.gz",
    ]
    strange, _ = fetched(service, dict.fromkeys(names, b"evil"), tmp_path / "copy")
    assert strange == names
    assert not list(tmp_path.rglob("*evil*"))


def test_archive_with_a_wrong_name_hides_no_block(tmp_path):
    service, _ = lived_in()
    (_, count) = fetched(service, {}, tmp_path / "all")
    assert count
    name = "archive/{}/000000000001-000000999999.ndjson.gz"
    for number, content in enumerate((b"", gzip.compress(b""), gzip.compress(b'{"block":7}\n'))):
        objects = {name.format(chain): content for chain in range(4)}
        assert fetched(service, objects, tmp_path / str(number)) == ([], count)


def test_archived_rows_are_not_fetched_from_the_table(tmp_path):
    service, _ = lived_in()
    service.clock.advance(hours=2)
    service._handler("archive_audit")({}, None)
    assert fetched(service, service.audit_vault.objects, tmp_path / "copy") == ([], 0)


def test_a_second_fetch_downloads_only_new_objects(tmp_path):
    service, _ = lived_in()
    bucket = Bucket(service.audit_vault.objects)
    directory = tmp_path / "copy"
    directory.mkdir()
    export.fetch(directory, table=service.table, bucket="b", s3=bucket)
    first = len(bucket.fetched)
    assert first == len(service.audit_vault.objects) > 3
    service.clock.advance(hours=2)
    service._handler("archive_audit")({}, None)
    export.fetch(directory, table=service.table, bucket="b", s3=bucket)
    assert len(bucket.fetched) == len(service.audit_vault.objects) > first
    assert not blocks(read(directory / LIVE))
    keys = verify.read_keys(json.dumps(service.audit_key.jwks).encode())
    report = verify.verify(verify.read_lines(directory), verify.read_anchors(directory), keys)
    assert (report.findings, report.rows) == ([], len(audit_rows(service.table)))


def test_fetch_notes_rows_that_the_table_lacks(tmp_path):
    service, _ = lived_in()
    row = audit_rows(service.table)[0]
    del service.table._items[Key(row["pk"], row["sk"], "audit")]
    fetched(service, service.audit_vault.objects, tmp_path / "copy")
    keys = verify.read_keys(json.dumps(service.audit_key.jwks).encode())
    lines = list(verify.read_lines(tmp_path / "copy"))
    now = next(d["absent"]["at"] for line in lines if "absent" in (d := json.loads(line.text)))
    found = [f.kind for f in verify.verify(lines, [], keys).findings]
    assert found == (["removed"] if row["ttl"] * 1000 > now else [])


def test_fetch_names_a_foreign_item_in_a_chain(tmp_path):
    service, _ = lived_in()
    block = next(i for i in service.table.all_items() if str(i["pk"]).startswith("CHAIN#"))
    service.table.put(Put(Key(str(block["pk"]), "9" * 12, "audit"), {"evil": True}))
    strange, count = fetched(service, service.audit_vault.objects, tmp_path / "copy")
    assert strange == [f"{block['pk']} 999999999999"]
    assert count


class Log:
    """The log, as boto3 sees it: what is asked of it."""

    def get_paginator(self, _):
        return self

    def paginate(self, **asked):
        self.since = asked["startTime"]
        return []


def test_a_forged_anchor_of_tomorrow_does_not_hide_the_log_of_today(copy, other):
    newest = json.loads(anchor(copy).read_text())["at"]
    forged = {**json.loads(anchor(other).read_text()), "at": newest + 10**9}
    put(copy / "anchors/9.json", json.dumps(forged).encode())
    put(copy / "anchors/8.json", b"{")
    keys, log = verify.read_keys((copy / "keys.json").read_bytes()), Log()
    export.fetch_witnesses(copy, log_group="g", keys=keys, logs=log)
    assert log.since == newest - export.ANCHOR_OVERLAP_SECONDS * 1000
