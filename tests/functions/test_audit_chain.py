"""The audit trail: chained once, signed, anchored, archived, and verified offline."""

from __future__ import annotations

import base64
import copy
import gzip
import json
import random
import zlib
from datetime import timedelta

import pytest

from latchkey import wiring
from latchkey.domain.audit import row_place
from latchkey.domain.audit_chain import canonical, row_digest
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import AUDIT_CHAINS_MAX
from latchkey.security.sealing import unseal
from latchkey.storage import keys
from latchkey.storage.capacity import item_bytes
from latchkey.storage.streams import read_image
from latchkey.storage.table import Put
from latchkey.wiring.audit import audit_chain
from latchkey.wiring.storage import account_store
from tests.support.audit import (
    audit_rows,
    audited,
    captured_log,
    copy_of,
    log_event,
    stream_event,
    verified,
)
from tests.support.outbox import sqs_record
from tests.support.person import ME, Person
from tests.support.service import IPHONE, InProcessService
from tools.audit.__main__ import main


@pytest.fixture
def service():
    return InProcessService()


def live(service, people=3):
    """Let people come and go, so that there is a trail."""
    for number in range(people):
        email = f"person{number}@example.com"
        token = service.register(email).data["access_token"]
        service.clock.advance(seconds=20)
        phone = service.login(email, user_agent=IPHONE).data["session"]["id"]
        service.request("DELETE", f"/api/v1/users/me/sessions/{phone}", token=token)
        service.request("POST", "/api/v1/auth/logout", token=token)


def chain(service, rows=None):
    """Deliver rows as the whole stream; without any, everything from its start again."""
    event = stream_event(audit_rows(service.table) if rows is None else rows)
    return service._handler("chain_audit")(event, None)["state"]


def anchor(service):
    return service._handler("anchor_audit")({}, None)


def chained_once(service):
    entries = [
        (entry.partition, entry.row_id)
        for number in range(AUDIT_CHAINS_MAX)
        for block in wiring.services()[audit_chain].store.after(number, 0)
        for entry in block.entries
    ]
    assert sorted(entries) == sorted((r["pk"], r["sk"]) for r in audit_rows(service.table))


def test_every_row_is_chained_and_the_trail_verifies(service):
    live(service)
    answer = chain(service)
    assert answer == {"chained": 15, "repeated": 0, "touched": 0}
    assert anchor(service)["heads"]
    report = audited(service.table, service.audit_vault, service.audit_key)
    assert report.findings == []
    assert (report.rows, report.anchors) == (15, 1)


def test_repeated_delivery_stores_no_file(service):
    live(service)
    chain(service)
    stored = set(service.audit_vault.objects)
    assert chain(service)["repeated"] == 15
    assert set(service.audit_vault.objects) == stored


def test_erasure_keeps_the_chain_valid_and_makes_rows_unreadable(service):
    person = Person(service)
    subject = service.services[account_store].get(person.id).audit
    service.login(user_agent=IPHONE)
    live(service)
    chain(service)
    anchor(service)
    about = f"SUBJECT#{subject.id}"
    before = [row for row in audit_rows(service.table) if row["pk"] == about]
    place = row_place(subject.id, before[0]["sk"])
    assert "203.0.113.7" in str(unseal(subject.key, before[0]["sealed"], place))
    assert holders(service, subject.key)

    assert person.request("DELETE", ME, query={"hard": "true"}).status == 200
    for _ in range(3):
        for item in [i for i in service.table.all_items() if str(i["sk"]).startswith("purge#")]:
            message = sqs_record(str(item["sk"]).partition("#")[2])
            service._handler("purge_worker")({"Records": [message]}, None)
        service.clock.advance(minutes=13)
    after = [row for row in audit_rows(service.table) if row["pk"] == about]
    assert after[: len(before)] == before
    assert after[-1]["action"] == "account.erased"
    assert holders(service, subject.key) == []
    assert not [item for item in service.table.all_items() if person.id in repr(item)]
    chain(service)
    assert audited(service.table, service.audit_vault, service.audit_key).findings == []


def holders(service, key):
    """Every stored value with a key."""
    return [item for item in service.table.all_items() if repr(key)[2:-1] in repr(item)]


def test_change_of_a_row_is_detected_immediately(service, capsys):
    live(service, people=1)
    rows = audit_rows(service.table)
    assert chain(service, [])["touched"] == 0
    handler = service._handler("chain_audit")
    assert handler(stream_event(rows[:2], name="MODIFY"), None)["state"]["touched"] == 2
    expired = stream_event(rows[:1], name="REMOVE")
    assert handler(expired, None)["state"]["touched"] == 1
    expired["Records"][0]["userIdentity"] = {"principalId": "dynamodb.amazonaws.com"}
    assert handler(expired, None)["state"]["touched"] == 0
    assert "AuditFindings" in capsys.readouterr().out


def test_no_anchor_is_written_without_new_rows(service):
    live(service, people=1)
    chain(service)
    assert anchor(service)["heads"]
    service.clock.advance(hours=2)
    assert anchor(service)["heads"] == {}


def test_archive_verifies_without_the_table(service, tmp_path, capsys):
    live(service)
    chain(service)
    anchor(service)
    archive = service._handler("archive_audit")
    assert archive({}, None) == {"rows": 0, "wrong": []}
    service.clock.advance(hours=2)
    assert archive({}, None) == {"rows": 15, "wrong": []}
    assert archive({}, None) == {"rows": 0, "wrong": []}

    for name, content in service.audit_vault.objects.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "keys").write_text(json.dumps(service.audit_key.jwks))
    command = ["verify", str(tmp_path), "--keys", str(tmp_path / "keys")]
    assert main(command) == 0
    assert "15 rows" in capsys.readouterr().out

    segment = next(tmp_path.glob("rows/*/*"))
    text = gzip.decompress(segment.read_bytes()).replace(b"session.started", b"session.revoked")
    segment.write_bytes(gzip.compress(text))
    assert main(command) == 1
    assert "changed: aud_" in capsys.readouterr().out


def test_archiving_names_a_changed_row_and_continues(service):
    live(service)
    chain(service)
    row = audit_rows(service.table)[4]
    service.table._items[keys.Key(row["pk"], row["sk"], "audit")]["actor"] = "sub_x"
    service.clock.advance(hours=2)
    assert service._handler("archive_audit")({}, None) == {"rows": 15, "wrong": [row["sk"]]}


# An attacker with the tables tries to stop the chain ---------------------------------------------

ODD_ROWS = [
    {},
    {"at": None},
    {"at": "now"},
    {"at": 0},
    {"at": -(10**15)},
    {"at": 10**20},
    {"at": True, "deep": [[{"x": [None, True, b"\x00"]}]]},
    {"at": "1.5", "numbers": ["1", "1.5"]},
]


@pytest.mark.parametrize("odd", ODD_ROWS)
def test_foreign_row_is_chained_like_any_other(service, odd):
    live(service, people=1)
    service.table.put(Put(keys.Key("SUBJECT#sub_x", "\ud7ff", "audit"), odd))
    assert chain(service)["chained"] == 6
    service.clock.advance(seconds=90)
    assert chain(service) == {"chained": 0, "repeated": 6, "touched": 0}
    report = audited(service.table, service.audit_vault, service.audit_key)
    assert {finding.kind for finding in report.findings} == {"misdated"}
    service.clock.advance(hours=2)
    assert service._handler("archive_audit")({}, None) == {"rows": 6, "wrong": []}


@pytest.mark.parametrize(
    ("days", "fields", "kinds"),
    [
        (1, {}, []),
        (3, {}, ["misdated"]),
        (14, {"operation": "get_me"}, []),  # a dead letter that was recorded at last
        (16, {"operation": "get_me"}, ["misdated"]),
        (-1, {"operation": "get_me"}, ["misdated"]),
    ],
)
def test_row_with_an_impossible_time_is_misdated(service, days, fields, kinds):
    at = to_milliseconds(service.clock.now() - timedelta(days=days))
    service.table.put(Put(keys.Key("SUBJECT#sub_x", "aud_1", "audit"), {"at": at, **fields}))
    chain(service)
    report = audited(service.table, service.audit_vault, service.audit_key)
    assert [finding.kind for finding in report.findings] == kinds


def test_unused_attribute_types_are_read():
    image = {
        "n": {"N": "-1.5"},
        "e": {"N": "1E-30"},
        "w": {"N": "-7"},
        "ss": {"SS": ["b", "a"]},
        "ns": {"NS": ["1.5", "2"]},
        "bs": {"BS": [base64.b64encode(b"z").decode(), base64.b64encode(b"a").decode()]},
    }
    row = read_image(image)
    assert row == {
        "n": "-1.5",
        "e": "1E-30",
        "w": -7,
        "ss": ["a", "b"],
        "ns": ["1.5", "2"],
        "bs": [b"a", b"z"],
    }
    assert row_digest(row)


def test_rows_with_the_longest_keys_fit_into_blocks(service):
    for number in range(300):
        key = keys.Key("SUBJECT#" + "p" * 2040, f"{number:01024}", "audit")
        service.table.put(Put(key, {"at": to_milliseconds(service.clock.now())}))
    assert chain(service)["chained"] == 300
    chained_once(service)
    blocks = [i for i in service.table.all_items() if str(i["pk"]).startswith("CHAIN#")]
    assert max(item_bytes(block) for block in blocks) < 400 * 1024
    assert audited(service.table, service.audit_vault, service.audit_key).findings == []


def test_foreign_archives_do_not_stop_archiving(service):
    live(service)
    chain(service)
    for name in (
        "archive/0/x.ndjson.gz",
        "archive/0/000000000001-000000999999.ndjson.gz",
        "archive/1/000000000002-000000000003.ndjson.gz",
        "archive/2/1-2.ndjson.gz",
        "archive/3/",
    ):
        service.audit_vault.objects[name] = b"evil"
    service.clock.advance(hours=2)
    assert service._handler("archive_audit")({}, None) == {"rows": 15, "wrong": []}
    assert service._handler("archive_audit")({}, None) == {"rows": 0, "wrong": []}


# The campaign ------------------------------------------------------------------------------------


def _row(lines, chance):
    return chance.choice([number for number, line in enumerate(lines) if "row" in line])


def edit(lines, chance):
    row = lines[_row(lines, chance)]["row"]
    name = chance.choice([n for n in row if n not in {"pk", "sk"}])
    match row[name]:
        case int():
            row[name] += chance.choice([-1, 1])
        case str(text):
            row[name] = edited_text(text, chance)
        case list(parts) if parts:
            edit_part(parts, chance)
        case _:
            del row[name]
    return [("changed", row["sk"])]


def edited_text(text, chance):
    """Replace one character."""
    place = chance.randrange(len(text))
    return text[:place] + ("x" if text[place] != "x" else "y") + text[place + 1 :]


def edit_part(parts, chance):
    """Change one value in a list: a column of a pack, or a number of a row of counts."""
    number = chance.randrange(len(parts))
    match parts[number]:
        case {"$bytes": content}:
            raw = bytearray(base64.b64decode(content))
            raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
            parts[number] = {"$bytes": base64.b64encode(raw).decode()}
        case {"count": count}:
            parts[number]["count"] = count + chance.choice([-1, 1])
        case _:
            del parts[number]


def remove(lines, chance):
    row = lines.pop(_row(lines, chance))["row"]
    return [("removed", row["sk"])]


def insert(lines, chance):
    row = copy.deepcopy(lines[_row(lines, chance)]["row"])
    row["sk"] = f"aud_{chance.randrange(10**26):026}"
    lines.append({"row": row})
    return [("inserted", row["sk"])]


def swap(lines, chance):
    """Two rows change places, everything but their keys."""
    first, second = (lines[_row(lines, chance)]["row"] for _ in range(2))
    while first is second or first["at"] == second["at"]:
        second = lines[_row(lines, chance)]["row"]
    kept = ("pk", "sk")
    one = {**second, **{name: first[name] for name in kept}}
    two = {**first, **{name: second[name] for name in kept}}
    first.clear()
    first.update(one)
    second.clear()
    second.update(two)
    return [("changed", first["sk"]), ("changed", second["sk"])]


def cut(lines, chance):
    """The newest blocks of a chain go, with all of their rows."""
    number = chance.choice([line["block"]["chain"] for line in lines if "block" in line])
    blocks = sorted(
        (x["block"] for x in lines if x.get("block", {}).get("chain") == number),
        key=lambda block: block["number"],
    )
    gone = blocks[chance.randrange(len(blocks)) :]
    rows = {(e[0], e[1]) for block in gone for e in block["entries"]}
    lines[:] = [
        line
        for line in lines
        if line.get("block") not in gone
        and ("row" not in line or (line["row"]["pk"], line["row"]["sk"]) not in rows)
    ]
    last = gone[-1]["first"] + len(gone[-1]["entries"]) - 1
    return [("cut", f"chain {number}: positions {gone[0]['first']} to {last} are gone,")]


def reorder(lines, chance):
    """Two entries of a block change places."""
    block = chance.choice(
        [x["block"] for x in lines if len(x.get("block", {"entries": []})["entries"]) > 1]
    )
    one, two = chance.sample(range(len(block["entries"])), 2)
    block["entries"][one], block["entries"][two] = block["entries"][two], block["entries"][one]
    return [("broken", f"block {block['number']} of chain {block['chain']}:")]


def rehash(lines, chance):
    """A row is changed, and its digest, and every head after it: everything but signatures."""
    from tools.audit import verify as arithmetic  # noqa: PLC0415 - as an attacker would

    edited = lines[_row(lines, chance)]["row"]
    edited["outcome"] = "FORGED"
    forged = []
    blocks = sorted(
        (line["block"] for line in lines if "block" in line),
        key=lambda block: (block["chain"], block["number"]),
    )
    heads = {}
    for block in blocks:
        for entry in block["entries"]:
            if entry[:2] == [edited["pk"], edited["sk"]]:
                entry[2] = _wrapped(arithmetic._digest(edited))
                forged = [("forged", f"block {block['number']} of chain {block['chain']}:")]
        previous = heads.get(block["chain"], arithmetic.START)
        digests = [arithmetic._bytes(digest) for _, _, digest in block["entries"]]
        block["previous"] = _wrapped(previous)
        heads[block["chain"]] = arithmetic._extend(previous, digests)
        block["head"] = _wrapped(heads[block["chain"]])
    return forged


def _wrapped(content):
    return json.loads(canonical({"it": content}))["it"]


ON_ROWS = [edit, remove, insert, swap, cut]
"""What each of them changes is all that is found, and is named."""
ATTACKS = [*ON_ROWS, reorder, rehash]


@pytest.fixture(scope="module", params=["table", "bucket"])
def trail(request):
    """A trail in many blocks, anchored at its end: its rows in the table, or in the bucket.

    It has rows of changes and refusals, packs and counts.
    """
    service = InProcessService()
    for number in range(15):
        email = f"p{number}@example.com"
        with captured_log() as log:
            token = service.register(email).data["access_token"]
            service.login(email, user_agent=IPHONE)
            for _ in range(3):
                service.request("GET", "/api/v1/users/me", token=token)
            service.request("GET", "/api/v1/users/me")
            service.request("PATCH", "/api/v1/users/me", token=token, json_body={"age": "old"})
            service.request("POST", "/api/v1/auth/logout", token=token)
        service._handler("record_requests")(log_event(log.getvalue().splitlines()), None)
        service.clock.advance(seconds=30)
        for shard, part in enumerate(by_shard(audit_rows(service.table))):
            event = stream_event(part, shard=f"shardId-{shard}")
            service._handler("chain_audit")(event, None)
    anchor(service)
    lines = list(copy_of(service.table))
    if request.param == "bucket":
        lines = [line for line in lines if "block" in line] + service.audit_vault.archived_lines
        lines = list({json.dumps(line): line for line in lines}.values())
    return lines, service.audit_vault.anchors, service.audit_key.jwks


def by_shard(rows):
    """Divide rows among three shards, all rows of a partition into one."""
    return [[r for r in rows if zlib.crc32(r["pk"].encode()) % 3 == n] for n in range(3)]


def attacked(trail, attack, seed):
    """Attack a copy. Returns the expected finding, and the reported ones."""
    lines, anchors, jwks = trail
    lines = copy.deepcopy(lines)
    expected = attack(lines, random.Random(seed))
    return expected, [finding.line() for finding in verified(lines, anchors, jwks).findings]


def unnoticed(trail, attack, seed):
    """Return whether an attack was missed, or told of another row than the one that it was on."""
    expected, reported = attacked(trail, attack, seed)
    named = [
        any(line.startswith(f"{kind}: {name}") for line in reported) for kind, name in expected
    ]
    alone = attack not in ON_ROWS or len(reported) == len(expected)
    return not (expected and all(named) and alone)


def test_the_attacked_trail_has_every_kind_of_row(trail):
    rows = [line["row"] for line in trail[0] if "row" in line]
    assert sum("columns" in row for row in rows) >= 15
    assert sum("counts" in row for row in rows) >= 15
    assert {row["action"] for row in rows} >= {"session.started", "request.refused"}


@pytest.mark.parametrize("name", ["columns", "counts"])
def test_every_edit_of_a_pack_or_count_is_detected(trail, name):
    """Each bit of a column matters, and each number."""
    lines, anchors, jwks = trail
    packed = [line["row"] for line in lines if name in line.get("row", {})]
    for seed, original in enumerate(packed):
        kept = copy.deepcopy(original)
        edit_part(original[name], random.Random(seed))
        (finding,) = verified(lines, anchors, jwks).findings
        original.clear()
        original.update(kept)
        assert finding.line().startswith(f"changed: {kept['sk']}")


@pytest.mark.parametrize("attack", ATTACKS)
def test_every_attack_is_detected_with_its_row(trail, attack):
    assert verified(*trail).findings == []
    assert [seed for seed in range(5) if unnoticed(trail, attack, seed)] == []


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_thousand_attacks_are_detected(trail):
    attacks = [(ON_ROWS[seed % len(ON_ROWS)], seed) for seed in range(1000)]
    missed = [(attack.__name__, seed) for attack, seed in attacks if unnoticed(trail, attack, seed)]
    print(f"\n{len(attacks)} attacks, {len(missed)} missed")  # noqa: T201
    assert missed == []


# Witnesses ---------------------------------------------------------------------------------------


def test_missing_tail_is_detected_by_the_log(service):
    live(service)
    with captured_log() as log:
        chain(service)
    log_lines = [json.loads(line) for line in log.getvalue().splitlines()]
    witnesses = [
        json.loads(head)
        for line in log_lines
        if line["message"] == "chained"
        for head in line["heads"]
    ]
    jwks, lines = service.audit_key.jwks, list(copy_of(service.table))
    report = verified(lines, [], jwks, witnesses)
    assert (report.findings, report.witnesses) == ([], len({w["chain"] for w in witnesses}))

    for seed in range(10):
        short = copy.deepcopy(lines)
        cut(short, random.Random(seed))
        assert verified(short, [], jwks).findings == []  # not detectable without anchors
        assert [f.kind for f in verified(short, [], jwks, witnesses).findings] == ["cut"]

    forged = [{**witnesses[0], "number": 99}]
    assert [f.kind for f in verified(lines, [], jwks, forged).findings] == ["forged"]
