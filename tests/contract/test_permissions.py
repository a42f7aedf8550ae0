"""Least privilege: what each function is granted is what it does, no more and no less."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from moto import mock_aws

from latchkey.config import EmailVerification
from latchkey.domain.limits import ENDED_SESSIONS_KEPT
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.storage import keys as storage_keys
from latchkey.storage.avatars import unshown
from latchkey.storage.boto_client import aws_client
from latchkey.storage.single_use_tokens import issue
from latchkey.storage.table import Change, Put, Query, Update, read_all
from tests.support.outbox import Invocation, sqs_record
from tests.support.person import Person
from tests.support.pictures import multipart, png, webp
from tests.support.recorded_service import MEDIA, RecordedService
from tests.support.service import IPHONE, PASSWORD
from tools.operations import folders
from tools.template import ROOT, folder, functions, load, routes

SESSIONS = "/api/v1/users/me/sessions"
NOT_ME = "/api/v1/auth/not-me"


@pytest.fixture(scope="module")
def performed():
    """Walk every path that succeeds, through every function, and collect what each one does."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
        service = RecordedService()
        accounts(service)
        sessions(service)
        refreshing(service)
        keys(service)
        profiles(service)
        exports(service)
        avatars(service)
        outbox(service)
        life_cycles(service)
        desk(service)
        audit(service)
        addresses_and_passwords(service)
        yield {name: service.performed[name] for name in folders()}


def accounts(service):
    """Register and sign in, by either name, also while somebody else signs in."""
    service.request("GET", "/api/v1/health")
    service.register("ada@example.com", username="ada")
    with service.interrupted_by(lambda: service.login("grace@example.com"), transaction=2):
        assert service.register("grace@example.com").status == 201
    by_name = {"username": "ada", "password": PASSWORD}
    assert service.request("POST", "/api/v1/auth/login", json_body=by_name).status == 200
    with service.interrupted_by(lambda: service.login(user_agent=IPHONE)):
        token = service.login().data["access_token"]
    service.clock.advance(minutes=2)
    assert service.request("GET", "/api/v1/users/me", token=token).status == 200
    proof = {"password": PASSWORD}
    again = service.request("POST", "/api/v1/auth/reauthenticate", json_body=proof, token=token)
    assert again.status == 200


def sessions(service):
    """List and end sessions, one by one and together, and sign in over the limit."""
    first, second = service.login().data, service.login(user_agent=IPHONE).data
    token = first["access_token"]
    assert service.request("GET", SESSIONS, token=token).status == 200
    other = second["session"]["id"]
    name = {"device_name": "Ada's phone"}
    assert (
        service.request("PATCH", f"{SESSIONS}/{other}", token=token, json_body=name).status == 200
    )
    assert service.request("DELETE", f"{SESSIONS}/{other}", token=token).status == 200
    with service.interrupted_by(lambda: service.login(user_agent=IPHONE)):
        assert service.request("DELETE", SESSIONS, token=token).data["terminated_count"]
    assert service.request("POST", "/api/v1/auth/logout", token=token).status == 200
    leave_a_long_history(service, first)
    service.configure(session_limit=1)
    token = service.login().data["access_token"]
    with service.interrupted_by(lambda: service.login(user_agent=IPHONE)):
        assert service.request("DELETE", f"{SESSIONS}/all", token=token).status == 200


def leave_a_long_history(service, signed_in):
    """Copy a session that has ended until a sign-in forgets the oldest ones."""
    account_id = signed_in["user"]["id"]
    ended = service.table.get(storage_keys.session(account_id, signed_in["session"]["id"]))
    assert "ended_at" in ended
    for number in range(ENDED_SESSIONS_KEPT):
        copy = f"ses_{number:026}"
        key = storage_keys.session(account_id, copy)
        service.table.put(Put(key, {**ended, "id": copy, "pk": key.pk, "sk": key.sk}))


def refreshing(service):
    """Rotate, and come back with a token that was stolen."""
    stolen = service.login().data["refresh_token"]
    body = {"refresh_token": stolen}
    pair = service.request("POST", "/api/v1/auth/refresh", json_body=body).data
    service.request("GET", "/api/v1/users/me", token=pair["access_token"])
    service.clock.advance(minutes=1)
    answer = service.request("POST", "/api/v1/auth/refresh", json_body=body)
    assert answer.code == "REFRESH_TOKEN_REUSED"


def keys(service):
    """Rotate the keys and publish them."""
    service.invoke("rotate_signing_keys", {"force": True})
    assert service.request("GET", "/.well-known/jwks.json").status == 200


def profiles(service):
    """Change a profile: a name that moves, a consent that is remembered."""
    signed_in = service.login().data
    token, own = signed_in["access_token"], f"/api/v1/users/{signed_in['user']['id']}"
    for method, path, body in (
        ("PATCH", "/api/v1/users/me", {"username": "countess", "marketing_consent": True}),
        ("PUT", own, {"full_name": "Ada King", "username": "ada"}),
        ("GET", own, None),
        ("GET", "/api/v1/users/me/consents", None),
        ("GET", "/api/v1/users/me/preferences", None),
        ("PUT", "/api/v1/users/me/preferences", {"wifi": True}),
        ("DELETE", f"{own}/preferences", None),
    ):
        answer = service.request(method, path, json_body=body, token=token)
        assert answer.status == 200, answer


def exports(service):
    """Make, watch and fetch exports; let them run out of time, fail, expire and be redriven."""
    token = service.register("hedy@example.com").data["access_token"]
    export = "/api/v1/users/me/export"
    account_id = service.request("GET", "/api/v1/users/me", token=token).data["id"]
    service._media.put_avatar("avt_1", b"a picture")
    change = Change(assign={"avatar_id": "avt_1"})
    service.table.update(Update(storage_keys.account(account_id), change))
    key = {"idempotency-key": "once"}

    def ask(seconds=120.0, *, keyed=False):
        answer = service.request("POST", export, token=token, headers=key if keyed else None)
        assert answer.status == 202, answer
        work(service, seconds)
        return answer.data["id"]

    first = ask(keyed=True)
    assert ask(keyed=True) == first
    assert service.request("GET", f"{export}s", token=token).data["exports"][0]["progress"] == 100
    assert service.request("GET", f"{export}s/{first}", token=token).data["download_url"]
    ask(seconds=1)  # hands over, after each row
    # What was staged has gone, so that packing fails, and at last the export.
    lost = service.request("POST", export, token=token).data["id"]
    work(service, 1, times=1)
    service._files.delete_staged(lost)
    (message,) = work(service)
    service.clock.advance(minutes=12)
    given_up = service.invoke("export_dead_letters", {"Records": [sqs_record(message)]})
    assert given_up == {"batchItemFailures": []}
    assert service.invoke("cleanup", {"task": "redrive_exports"}) == {"redrive_exports": 1}
    service.clock.advance(minutes=45)
    tidied = service.invoke("cleanup", {})
    assert tidied["requeue_exports"] == 1
    assert tidied["relay_overdue"]
    service.clock.advance(days=8)
    assert service.invoke("cleanup", {})["expire_exports"] == 2


def work(service, seconds=120.0, *, times=100):
    """Let the export worker work on what waits; return the messages that it did not get done."""
    failed = []
    for _ in range(times):
        waiting = waiting_exports(service)
        if not waiting or failed:
            break
        for message in waiting:
            event = {"Records": [sqs_record(message)]}
            answer = service.invoke("export_worker", event, Invocation(seconds))
            failed += [entry["itemIdentifier"] for entry in answer["batchItemFailures"]]
    return failed


def waiting_exports(service):
    found = [
        item["sk"]
        for partition in storage_keys.outbox_partitions(
            service.clock.now() - timedelta(hours=1), service.clock.now()
        )
        for item in read_all(service.table, Query(partition=partition))
    ]
    return [sk.partition("#")[2] for sk in found if sk.startswith("export#")]


def avatars(service):
    """Bring a picture both ways, replace it, remove it, and sweep up after a crash."""
    token, me = service.login().data["access_token"], "/api/v1/users/me"
    for picture in (png(), webp(), b"no picture"):
        key = {"idempotency-key": f'"{len(picture)}"'}
        offered = service.request(
            "POST",
            f"{me}/avatar/uploads",
            json_body={"content_type": "image/png"},
            token=token,
            headers=key,
        ).data
        upload = {"upload_id": offered["upload_id"]}
        assert service.request("PUT", f"{me}/avatar", json_body=upload, token=token).status == 409
        aws_client("s3").put_object(Bucket=MEDIA, Key=offered["fields"]["key"], Body=picture)
        answer = service.request("PUT", f"{me}/avatar", json_body=upload, token=token)
        assert answer.status == (400 if picture == b"no picture" else 200)
    form, content_type = multipart(age="36", avatar=("me.png", png()))
    headers = {"content-type": content_type}
    answer = service.request("PATCH", me, raw_body=form, token=token, headers=headers)
    assert answer.status == 200
    assert service.request("DELETE", f"{me}/avatar", token=token).status == 200
    service.table.put(unshown("avt_" + "0" * 26))
    assert service.invoke("sweep_avatars", {}) == {"deleted": 1}


def outbox(service):
    """Relay a message."""
    text = (ROOT / "events" / "relay_outbox.json").read_text()
    for queue in ("mail", "export", "purge"):
        event = json.loads(text.replace("mail#", f"{queue}#"))
        assert service.invoke("relay_outbox", event) == {"batchItemFailures": []}


def audit(service):
    """Read the trail as those may who may."""
    service.configure(session_limit=50)
    token = service.login().data["access_token"]
    assert service.request("GET", "/api/v1/users/me/activity", token=token).status == 200
    admin = Person(service, "frances@example.com")
    admin.become_admin()
    person, session = {"user_id": admin.id}, {"session_id": admin.session_id}
    for query in ({}, person, session, {"action": "session.started"}):
        assert admin.get("/api/v1/audit", query=query).data["rows"]
    # The key is published by whoever comes first, and found by whoever comes later.
    service.invoke("anchor_audit", {"RequestType": "Create"})
    service.invoke("anchor_audit", {"RequestType": "Update"})
    for name in ("record_requests", "chain_audit"):
        service.invoke(name, json.loads((ROOT / "events" / f"{name}.json").read_text()))
    assert service.invoke("anchor_audit", {})["heads"]
    service.clock.advance(hours=2)
    assert service.invoke("archive_audit", {})["rows"] == 1


def desk(service):
    """Look for people and sessions, end some, and change roles; some of it in a race."""
    boss, other = Person(service, "desk@example.com"), Person(service, "clerk@example.com")
    boss.become_admin()
    found = {"ip": "203.0.113.0/24"}
    sessions, own = "/api/v1/sessions", f"/api/v1/users/{other.id}"
    for query in ({}, {"email_prefix": "cl"}):
        assert boss.request("GET", "/api/v1/users", query=query).data["users"]
    for query in ({}, found, {"user_id": other.id}):
        assert boss.request("GET", sessions, query=query).data["sessions"]
    for what in ("", "/preferences", "/sessions"):
        assert boss.request("GET", f"{own}{what}").status == 200
    assert boss.request("DELETE", f"{own}/sessions").status == 200
    for role in ("admin", "user"):
        answer = boss.request("PUT", f"{own}/role", json_body={"role": role})
        assert answer.status == 200, answer
    service.login("clerk@example.com")
    assert service.invoke("grant_admin", {"email": "clerk@example.com"})["role"] == "admin"
    body = {"user_id": other.id}
    ending = f"{sessions}/revocations"
    assert boss.request("POST", ending, json_body=found).data["count"]
    assert boss.request("POST", ending, json_body={"device": "Chrome"}).data["count"]
    tried = boss.request("POST", ending, json_body=body).data
    body |= {"dry_run": False, "confirmation": tried["confirmation"]}
    assert boss.request("POST", ending, json_body=body).data["count"] == 1


def life_cycles(service):
    """Suspend, delete and restore people; then erase one who has a token, a name and a mail."""
    boss, other = Person(service, "boss@example.com"), Person(service, "next@example.com")
    boss.become_admin()
    other.become_admin()
    own = f"/api/v1/users/{other.id}"
    for method, path in (
        ("POST", f"{own}/suspend"),
        ("POST", f"{own}/unsuspend"),
        ("DELETE", own),
        ("POST", f"{own}/restore"),
    ):
        answer = boss.request(method, path)
        assert answer.status == 200, answer
    leaving = Person(service, "leaving@example.com", username="leaving")
    token = SingleUseToken(
        id=f"tok_{1:026}",
        purpose=Purpose.RESET_PASSWORD,
        account_id=leaving.id,
        expires_at=service.clock.now() + timedelta(days=365),
    )
    service.table.put(issue(token))
    export = leaving.request("POST", "/api/v1/users/me/export").data["id"]
    service._files.stage(export, "left-behind", b"")
    form, content_type = multipart(avatar=("me.png", png()))
    headers = {"content-type": content_type}
    me = "/api/v1/users/me"
    assert leaving.request("PATCH", me, raw_body=form, headers=headers).status == 200
    aws_client("s3").put_object(Bucket=MEDIA, Key=f"incoming/{leaving.id}/upl_1", Body=b"")
    leaving.request("DELETE", "/api/v1/users/me")
    # What was ordered for later is claimed first.
    service.clock.advance(days=31)
    assert service.invoke("cleanup", {})["erase_due_accounts"] == 1
    service.clock.advance(minutes=31)
    assert service.invoke("cleanup", {})["relay_overdue"]
    since = service.clock.now() - timedelta(hours=1)
    for partition in storage_keys.outbox_partitions(since, service.clock.now()):
        for item in service.table.query(Query(partition=partition)).items:
            queue, _, message_id = str(item["sk"]).partition("#")
            if queue == "purge":
                event = {"Records": [sqs_record(message_id)]}
                assert service.invoke("purge_worker", event) == {"batchItemFailures": []}
    assert service.login("leaving@example.com").code == "INVALID_CREDENTIALS"


def addresses_and_passwords(service):
    """Follow every link that is ever mailed."""
    service.configure(session_limit=50)
    ada, new = "ada.king@example.com", "ada.king@analytical.example"
    token = service.register(ada).data["access_token"]
    use_links(service, "verify_email", {"password": PASSWORD})
    address = {"email": new}
    service.request("POST", "/api/v1/users/me/email", json_body=address, token=token)
    use_links(service, "verify_email", {"password": PASSWORD})
    use_links(service, "undo_email_change", {})
    use_links(service, "reset_password", {"new_password": "seven lanterns on the quay"})
    service.configure(self_service_restore=True)
    leaving = Person(service, "back.again@example.com")
    assert leaving.request("DELETE", "/api/v1/users/me").status == 200
    use_links(service, "restore_account", {})
    assert service.login("back.again@example.com").status == 200
    proof = {"password": "seven lanterns on the quay"}
    token = service.login(ada, fields=proof).data["access_token"]
    change = {"current_password": "seven lanterns on the quay", "new_password": PASSWORD}
    service.login(ada, fields=proof, user_agent=IPHONE)
    answer = service.request("PUT", "/api/v1/users/me/password", json_body=change, token=token)
    assert answer.data == {"terminated_count": 1}
    for path in ("auth/email/resend", "auth/password/forgot"):
        answer = service.request("POST", f"/api/v1/{path}", json_body={"email": ada})
        assert answer.status == 202
    service.configure(email_verification=EmailVerification.REQUIRED)
    assert service.register(ada).status == 202
    service.deliver()
    link = service.links(Purpose.NOT_ME)[-1]
    shown = service.request("GET", NOT_ME, headers={"latchkey-token": link})
    assert shown.status == 200
    use_links(service, "disown_session", {})


def use_links(service, operation, fields):
    """Let the mails be sent, and act on every link in them that this function takes."""
    service.deliver()
    path = next(f"/{r.path.lstrip('/')}" for r in routes() if r.function == operation)
    for purpose in PURPOSES[operation]:
        for link in service.links(purpose):
            body = {"token": link, **fields}
            assert service.request("POST", path, json_body=body).status in {200, 202}


PURPOSES = {
    "verify_email": (Purpose.VERIFY_EMAIL, Purpose.CHANGE_EMAIL),
    "undo_email_change": (Purpose.UNDO_EMAIL_CHANGE,),
    "reset_password": (Purpose.RESET_PASSWORD,),
    "restore_account": (Purpose.RESTORE_ACCOUNT,),
    "disown_session": (Purpose.NOT_ME,),
}


def granted(function):
    return {
        (action, resource)
        for policy in functions()[function].get("Policies", [])
        for statement in load()["Resources"][policy["Ref"]]["Properties"]["PolicyDocument"][
            "Statement"
        ]
        for action in as_list(statement["Action"])
        for resource in map(resource_name, as_list(statement["Resource"]))
    }


def as_list(value):
    return value if isinstance(value, list) else [value]


def resource_name(resource):
    """`Table` for !GetAtt Table.Arn, `Table/gsi1` for an index, a parameter's last part for SSM."""
    if "Fn::GetAtt" in resource:
        return str(resource["Fn::GetAtt"]).removesuffix(".Arn")
    arn = resource["Fn::Sub"]
    if isinstance(arn, list):
        arn = arn[0]
    if arn.startswith("${"):
        return arn.removeprefix("${").replace(".Arn}/index", "").replace(".Arn}", "")
    return arn.rpartition("/")[2]


def policies():
    return {
        name: resource["Properties"]
        for name, resource in load()["Resources"].items()
        if resource["Type"] == "AWS::IAM::ManagedPolicy"
    }


@pytest.mark.parametrize("function", functions())
def test_a_function_may_do_what_it_does_and_nothing_else(function, performed):
    does, may = performed[folder(functions()[function])], granted(function)
    assert sorted(does - may) == [], f"{function} is not granted what it does"
    assert sorted(may - does) == [], f"{function} is granted what it never does"


@pytest.mark.parametrize("name", policies())
def test_a_policy_is_used_described_and_exact(name):
    used = {policy["Ref"] for f in functions().values() for policy in f.get("Policies", [])}
    assert name in used
    assert policies()[name]["Description"]
    for statement in policies()[name]["PolicyDocument"]["Statement"]:
        # A condition may well speak of the prefix of a partition, and of a bucket a resource may.
        granted = json.dumps([statement["Action"], statement["Resource"]])
        assert "*" not in re.sub(r"(Bucket\.Arn}/[a-z/]+/)\*", r"\1", granted)
        assert "Scan" not in granted


READERS = {
    "ExportWorkerFunction": {"dynamodb:Query", "dynamodb:PutItem"},
    "ListActivityFunction": {"dynamodb:Query"},
    "ListAuditFunction": {"dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:PutItem"},
    "ChainAuditFunction": {"dynamodb:Query", "dynamodb:PutItem"},
    "AnchorAuditFunction": {"dynamodb:Query"},
    "ArchiveAuditFunction": {"dynamodb:Query", "dynamodb:BatchGetItem"},
}
"""Who may do more with the audit trail than add a row to it."""


def test_nobody_who_serves_requests_can_change_or_read_the_audit_trail():
    for function in functions():
        on_audit = {
            action for action, resource in granted(function) if resource.startswith("AuditTable")
        }
        assert on_audit <= READERS.get(function, {"dynamodb:PutItem"}), function
