"""The content of an export: all data of its owner, no data of others, and no secrets."""

from __future__ import annotations

import base64
import json
import random

import pytest

from latchkey.domain.account import Role
from latchkey.domain.audit import Action, audit_row
from latchkey.domain.changes import ConsentDecided
from latchkey.domain.consent import Consent, ConsentKind
from latchkey.domain.effects import Effects
from latchkey.domain.export import Export, Segment
from latchkey.domain.ids import new_id
from latchkey.domain.preferences import Preferences
from latchkey.domain.request import Caller, Location, RequestContext
from latchkey.flows.export_archive import encode_row, pack
from latchkey.flows.export_parts import ACCOUNT_WITHHELD, PARTS, SESSION_WITHHELD
from latchkey.storage import keys
from latchkey.storage.changes import writes_of
from latchkey.storage.export_files import MemoryExportFiles, archive_key
from latchkey.storage.records import to_item
from latchkey.storage.table import Put
from latchkey.wiring.exports import exports
from latchkey.wiring.storage import account_store, effect_writer, table
from latchkey.wiring.users import preference_store
from tests.support.archives import read_archive
from tests.support.builders import NOW, a_session, an_account
from tests.support.service import InProcessService

OF_THE_TABLE = {"pk", "sk", "ttl", "write_id", "subject_id"}
OF_INDEXES = {f"gsi{number}{part}" for number in (1, 2, 3) for part in ("pk", "sk")}
WITHHELD = {*OF_THE_TABLE, *OF_INDEXES, *ACCOUNT_WITHHELD, *SESSION_WITHHELD, "sealed", "actor"}


def texts(value):
    """Every nested text of a stored value that is long enough to be unique."""
    match value:
        case str():
            return {value} if len(value) >= 6 else set()
        case list():
            return set().union(*map(texts, value))
        case dict():
            return set().union(*map(texts, value.values()))
    return set()


def secrets(value, name=""):
    match value:
        case bytes():
            return {value.hex(), base64.b64encode(value).decode(), repr(value)[2:-1]}
        case dict():
            return set().union(*(secrets(v, k) for k, v in value.items()))
        case list():
            return set().union(*(secrets(v, name) for v in value))
        case str() if name == "password_hash":
            return {value, value.rpartition("$")[2]}
    return set()


class Person:
    """A random person with profile, history and devices."""

    def __init__(self, service, chance, number) -> None:
        self._service = service
        self._chance = chance
        now = service.clock.now()
        self.account = an_account(
            email=f"{self.word()}.{number}@{self.word()}.example",
            password_hash=f"$argon2id$v=19$m=19456,t=2,p=1${self.word(22)}${self.word(43)}",
            created_at=now,
            updated_at=now,
            username=self.maybe(f"{self.word()}{number}"),
            full_name=self.maybe(f"{self.word()} Müller-{self.word()}"),
            display_name=self.maybe(f"=cmd|'{self.word()}'"),
            speaking_language=self.maybe("pt-BR"),
            age=self.maybe(chance.randrange(18, 99)),
            occupation=self.maybe(f"<b>{self.word()}</b>"),
            location=self.maybe(f"{self.word()}, {self.word()}"),
            avatar_id=self.maybe(new_id("avt", now)),
        )
        service.services[account_store].put_new(self.account, self.effects(1))
        self.picture = f"a picture of {self.word()}"
        if self.account.avatar_id is not None:
            service.media.avatars[self.account.avatar_id] = self.picture.encode()
        self.sessions = [self._session() for _ in range(chance.randrange(1, 6))]
        self._say_what_it_likes()
        service.services[table].transact(
            service.services[effect_writer].writes(self.effects(chance.randrange(1, 60)))
        )

    def word(self, length=12):
        return "".join(self._chance.choices("abcdefghijklmnopqrstuvwxyz", k=length))

    def maybe(self, value):
        return value if self._chance.random() < 0.7 else None

    def address(self):
        return (
            f"2001:db8::{self._chance.randrange(0x1000, 0xFFFF):x}:{self._chance.getrandbits(16):x}"
        )

    def effects(self, rows):
        made = []
        for _ in range(rows):
            context = RequestContext(
                request_id=f"request-{self.word()}",
                now=self._service.clock.now(),
                ip_address=self.address(),
            )
            made.append(
                audit_row(
                    Action.SESSION_STARTED,
                    self.account.audit,
                    context,
                    targets=(new_id("ses", context.now),),
                    device=f"Phone of {self.word()}",
                )
            )
        return Effects(audit=tuple(made))

    def _session(self):
        session = a_session(
            self.account,
            id=new_id("ses", self._service.clock.now()),
            user_agent=f"Browser/{self.word()}",
            ip_address=self.address(),
            secret=self._chance.randbytes(32),
            location=self.maybe(Location(city=self.word(), country="DE")),
        )
        self._service.table.put(Put(keys.session(self.account.id, session.id), to_item(session)))
        return session

    def _say_what_it_likes(self):
        now = self._service.clock.now()
        decided = [
            ConsentDecided(
                self.account.id,
                Consent(
                    id=new_id("con", now),
                    kind=self._chance.choice(list(ConsentKind)),
                    given=self._chance.random() < 0.5,
                    decided_at=now,
                    session_id=self._chance.choice(self.sessions).id,
                    text_version=f"wording of {self.word()}",
                ),
            )
            for _ in range(self._chance.randrange(4))
        ]
        for write in writes_of(decided):
            self._service.table.put(write)
        document = {
            "seating": f"beside {self.word()}",
            self.word(): [self.word(), {"a": self.word()}],
        }
        if self.maybe(document):
            preferences = Preferences(document=document, updated_at=now)
            store = self._service.services[preference_store]
            store.put(self.account.id, preferences, Effects())

    def export(self):
        caller = Caller(
            account_id=self.account.id,
            session_id=self.sessions[0].id,
            authenticated_at=self._service.clock.now(),
            role=Role.USER,
            audit_subject=self.account.audit.id,
        )
        context = RequestContext(
            request_id=f"request-{self.word()}",
            now=self._service.clock.now(),
            ip_address=self.address(),
        )
        return self._service.services[exports].request(caller, None, context)


def own_items(service, person):
    partitions = {
        keys.account_partition(person.account.id),
        keys.audit_partition(person.account.audit.id),
    }
    return [item for item in service.table.all_items() if item["pk"] in partitions]


def compare_with_a_full_scan(people_count, seed):
    """Export everybody, and hold each archive against the items of everybody; count the items."""
    service = InProcessService()
    chance = random.Random(seed)
    people = [Person(service, chance, number) for number in range(people_count)]
    stored = {person: own_items(service, person) for person in people}
    exports = {person: person.export() for person in people}
    assert service.work() == []
    known = {person: set().union(*map(texts, map(shown, stored[person]))) for person in people}
    for person in people:
        content = service.export_files.objects[archive_key(exports[person].id)]
        archive = read_archive(content)
        text = archive.text()
        require_everything(text, stored[person])
        require_no_secret(text, stored[person])
        require_whole_history(archive, own_items(service, person))
        require_the_picture(archive, person)
        for other in people:
            strange = known[other] - known[person] - set(ConsentKind)
            assert other is person or not [word for word in strange if word in text]
            assert other is person or other.picture not in text
    return sum(map(len, stored.values()))


def shown(item):
    # The table has a person's own document as text.
    if "document" in item:
        item = item | {"document": json.loads(item["document"])}
    return {name: value for name, value in item.items() if name not in WITHHELD}


def require_everything(text, items):
    for item in items:
        missing = [word for word in texts(shown(item)) if escaped(word) not in text]
        assert missing == [], item["sk"]


def require_no_secret(text, items):
    found = set().union(*map(secrets, items))
    assert len(found) > 2
    assert [secret for secret in found if secret in text] == []


def require_whole_history(archive, items):
    rows = archive.ndjson("security-history.ndjson")
    # What came after the collecting is the worker's own last row.
    trail = {
        item["sk"]
        for item in items
        if item["sk"].startswith("aud_") and item["action"] != "export.completed"
    }
    assert {row["id"] for row in rows} == trail
    assert all(row["ip_address"] for row in rows)
    assert all(row["device"] for row in rows if row["action"] == "session.started")


def require_the_picture(archive, person):
    shows = person.account.avatar_id is not None
    assert archive.files.get("avatar.webp") == (person.picture.encode() if shows else None)


def escaped(word):
    """As JSON writes it, which is how the text shows it."""
    return word.replace('"', '\\"')


def test_exports_of_ten_people_have_exactly_their_data():
    assert compare_with_a_full_scan(10, seed=1) > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_exports_of_a_hundred_people_have_exactly_their_data():
    print(compare_with_a_full_scan(100, seed=2), "items")  # noqa: T201


# The archive alone -----------------------------------------------------------------------------


def packed(rows_by_part):
    """Pack an archive of these rows."""
    files, segments = MemoryExportFiles(), []
    for part in PARTS:
        rows = rows_by_part.get(part.name, [])
        content = b"".join(encode_row(row) for row in rows)
        files.stage("exp_1", part.name, content)
        segments.append(
            Segment(part=part.name, name=part.name, rows=len(rows), size_bytes=len(content))
        )
    export = Export(
        id="exp_1", account_id="usr_1", created_at=NOW, packed_at=NOW, segments=tuple(segments)
    )
    for _ in range(2):
        writer = files.write_archive("exp_1")
        pack(export, lambda name: files.read_staged("exp_1", name), writer, lambda _part: None)
        yield writer.complete()
    yield files.objects[archive_key("exp_1")]


def test_packing_twice_gives_the_same_bytes():
    first, second, _ = packed({"profile": [{"email": "ada@example.com"}]})
    assert first == second


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff20"])
def test_cells_are_not_formulas(start):
    value = f"{start}SUM(A1:A9)"
    *_, content = packed({"sessions": [{"id": "ses_1", "device_name": value, "user_agent": "x"}]})
    archive = read_archive(content)
    (row,) = archive.csv("sessions.csv")
    assert row["device_name"] == f"'{value}"
    # For programs nothing has changed.
    assert archive.json("sessions.json")[0]["device_name"] == value


def test_page_of_the_export_runs_no_scripts():
    hostile = "<script>alert(1)</script>"
    *_, content = packed({"profile": [{"email": hostile, "full_name": hostile}]})
    page = read_archive(content).files["README.html"].decode()
    assert hostile not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "default-src 'none'" in page


def test_archive_without_rows_is_valid():
    *_, content = packed({})
    archive = read_archive(content)
    assert archive.json("sessions.json") == []
    assert archive.files["security-history.ndjson"] == b""
    assert archive.manifest["schema_version"] == 1
