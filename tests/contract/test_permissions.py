"""Least privilege: each role grants exactly the recorded calls of its function."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from moto import mock_aws

from latchkey.config import EmailVerification
from latchkey.domain.clock import to_milliseconds
from latchkey.domain.limits import ENDED_SESSIONS_KEPT
from latchkey.domain.mailed_code import CodePurpose, MailedCode
from latchkey.domain.single_use import Purpose, SingleUseToken
from latchkey.security.mailed_codes import digest_of
from latchkey.security.single_use_tokens import state_of
from latchkey.storage import keys as storage_keys
from latchkey.storage.boto_client import aws_client
from latchkey.storage.mailed_codes import MailedCodeStore
from latchkey.storage.single_use_tokens import issue
from latchkey.storage.table import Change, Put, Query, Update, read_all
from latchkey.wiring.storage import account_store
from tests.support.audit import log_event, stream_event
from tests.support.grants import deployed, role_statements
from tests.support.iam import allows, as_list
from tests.support.issuer import ENTRIES, IssuerClient
from tests.support.outbox import Invocation, sqs_record
from tests.support.person import Person
from tests.support.pictures import multipart, png, webp
from tests.support.recorded_service import (
    ACCOUNT,
    LEADING_KEYS,
    MEDIA,
    NAMES,
    REGION,
    Call,
    RecordedService,
)
from tests.support.request_lines import request_line
from tests.support.service import IPHONE, PASSWORD
from tools.operations import folders
from tools.template import ROOT, folder, functions, routes

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
        others_profiles(service)
        exports(service)
        avatars(service)
        outbox(service)
        life_cycles(service)
        administration(service)
        audit(service)
        mails(service)
        introspect_token(service)
        addresses_and_passwords(service)
        overdue_sessions(service)
        issuers(service)
        yield {name: service.performed[name] for name in folders()}


def accounts(service):
    """Register, repeat it, and sign in by either name, also while somebody else signs in."""
    service.request("GET", "/api/v1/health")
    service.register("ada@example.com", username="ada")
    assert service.register("grace@example.com").status == 201
    keyed = {"json_body": {"email": "repeated@example.com", "password": PASSWORD}}
    for _ in range(2):
        headers = {"idempotency-key": "registered-once"}
        answer = service.request("POST", "/api/v1/auth/register", headers=headers, **keyed)
        assert answer.status == 201
    by_name = {"username": "ada", "password": PASSWORD}
    assert service.request("POST", "/api/v1/auth/login", json_body=by_name).status == 200
    response = service.request("POST", "/api/v1/auth/login/code", json_body={"username": "ada"})
    assert response.status == 202
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
    # A sign-in over the limit would end the session that asks.
    service.configure(session_limit=3)
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
    assert service.request("GET", "/.well-known/openid-configuration").status == 200


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

    def request_export(seconds=120.0, *, keyed=False):
        answer = service.request("POST", export, token=token, headers=key if keyed else None)
        assert answer.status == 202, answer
        work(service, seconds)
        return answer.data["id"]

    first = request_export(keyed=True)
    assert request_export(keyed=True) == first
    assert service.request("GET", f"{export}s", token=token).data["exports"][0]["progress"] == 100
    assert service.request("GET", f"{export}s/{first}", token=token).data["download_url"]
    request_export(seconds=1)  # hands over, after each row
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
    """Let the export worker work on what waits. Returns the messages that it did not get done."""
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
    service.table.put(Put(storage_keys.orphaned_avatar("avt_" + "0" * 26), {}))
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
    service.invoke("rotate_signing_keys", {"force": True})  # a row without an account
    person, session = {"user_id": admin.id}, {"session_id": admin.session_id}
    for query in ({}, person, session, {"action": "session.started"}):
        assert admin.get("/api/v1/audit", query=query).data["rows"]
    # The first invocation publishes the key, and later ones find it.
    service.invoke("anchor_audit", {"RequestType": "Create"})
    service.invoke("anchor_audit", {"RequestType": "Update"})
    for name in ("record_requests", "chain_audit"):
        service.invoke(name, json.loads((ROOT / "events" / f"{name}.json").read_text()))
    index_requests(service, admin)
    # Requests without an account are in other partitions.
    service.invoke("record_requests", log_event([json.dumps(request_of_nobody(service))]))
    found = service._keys_of("REQUESTS#", "AuditTable")
    rows = [service.table.get(key) or {} for key in found]
    service.invoke("chain_audit", stream_event(rows))
    assert service.invoke("anchor_audit", {})["heads"]
    service.clock.advance(hours=2)
    assert service.invoke("archive_audit", {})["rows"] == 1 + len(rows)


def index_requests(service, admin):
    """Index requests in time and late ones, merge them, and read the index."""
    subject = service.services[account_store].get(admin.id).audit.id
    service.invoke("index_requests", {})
    late = service.clock.now() - timedelta(hours=30)
    for at in (service.clock.now(), late, late - timedelta(minutes=10)):
        line = request_line(f"at-{to_milliseconds(at)}", at, subject=subject)
        service.invoke("record_requests", log_event([json.dumps(line)]))
    refused = request_line("refused", late, subject=subject, outcome="NOT_FOUND", status=404)
    service.invoke("record_requests", log_event([json.dumps(refused)]))
    query = {"user_id": admin.id, "kind": "requests"}
    assert admin.get("/api/v1/audit", query=query).data["rows"]
    service.clock.advance(minutes=15)
    admin.token = service.login(admin.email).data["access_token"]
    assert service.invoke("index_requests", {})["merges"]
    assert admin.get("/api/v1/audit", query=query).data["rows"]
    asked = service.request("POST", "/api/v1/users/me/export", token=admin.token)
    assert asked.status == 202
    work(service)


def request_of_nobody(service):
    return {
        "message": "audited request",
        "at": to_milliseconds(service.clock.now()),
        "operation": "get_health",
        "request_id": "of-nobody",
        "status": 200,
        "outcome": "OK",
    }


def administration(service):
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


def issuers(service):
    """Trust issuers, see people for the first time, forget their devices, and erase one."""
    function = "test-FetchIssuerKeysFunction"
    service.configure(external_issuers=True, fetch_issuer_keys_function=function)
    for presets in (("keycloak", "cognito"), ("keycloak",)):
        service.configure(trusted_issuers=json.dumps([ENTRIES[name] for name in presets]))
        result = service.invoke("fetch_issuer_keys", {"RequestType": "Update"})
        assert len(result["fetched"]) == len(presets)
    client = IssuerClient(service, "keycloak")
    account_id = client.get("/api/v1/users/me").data["id"]
    session_id = client.get(SESSIONS).data["sessions"][0]["id"]
    assert client.request("POST", "/api/v1/auth/logout").status == 200
    ended = service.table.get(storage_keys.session(account_id, session_id))
    for number in range(ENDED_SESSIONS_KEPT + 1):
        copy = f"ses_{number:026}"
        key = storage_keys.session(account_id, copy)
        service.table.put(Put(key, {**ended, "id": copy, "pk": key.pk, "sk": key.sk}))
    other = client.device("another")
    assert other.get("/api/v1/users/me").status == 200
    assert other.get("/api/v1/users/me", kid="unknown").code == "TOKEN_INVALID"
    assert other.request("DELETE", "/api/v1/users/me", query={"hard": "true"}).status == 200
    erase(service)


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
    erase(service)
    assert service.login("leaving@example.com").code == "INVALID_CREDENTIALS"


def erase(service):
    """Let the purge worker work on what waits."""
    since = service.clock.now() - timedelta(hours=1)
    for partition in storage_keys.outbox_partitions(since, service.clock.now()):
        for item in service.table.query(Query(partition=partition)).items:
            queue, _, message_id = str(item["sk"]).partition("#")
            if queue == "purge":
                event = {"Records": [sqs_record(message_id)]}
                assert service.invoke("purge_worker", event) == {"batchItemFailures": []}


def introspect_token(service):
    """POST /api/v1/auth/introspect."""
    ada = Person(service, "introspect-token@example.com")
    for token in (ada.token, "x"):
        body = {"token": token}
        path = "/api/v1/auth/introspect"
        answer = service.request("POST", path, json_body=body, signed=True)
        assert answer.status == 200, answer.body


def others_profiles(service):
    """GET /api/v1/profiles and /api/v1/profiles/{user_id}."""
    ada = Person(service, "others-profiles@example.com")
    for answer in (
        ada.request("GET", f"/api/v1/profiles/{ada.id}"),
        ada.request("GET", "/api/v1/profiles", query={"ids": ada.id}),
    ):
        assert answer.status == 200, answer.body


def overdue_sessions(service):
    """Remove the sessions that are long past their retention; nothing here removes them by TTL."""
    service.clock.advance(days=123)
    assert service.invoke("cleanup", {})["remove_overdue_sessions"]


def addresses_and_passwords(service):
    """Follow every link that is ever mailed."""
    service.configure(session_limit=50)
    ada, new = "ada.king@example.com", "ada.king@analytical.example"
    token = service.register(ada).data["access_token"]
    use_links(service, "verify_email", {"password": PASSWORD})
    use_a_code(service, ada)
    address = {"email": new}
    service.request("POST", "/api/v1/users/me/email", json_body=address, token=token)
    use_links(service, "verify_email", {"password": PASSWORD})
    use_links(service, "undo_email_change", {})
    move_twice(Person(service, "moving@example.com"))
    use_links(service, "reset_password", {"new_password": "seven lanterns on the quay"})
    service.configure(self_service_restore=True)
    leaving = Person(service, "back.again@example.com")
    leaving.become_admin()
    assert leaving.request("DELETE", "/api/v1/users/me").status == 200
    use_links(service, "restore_account", {})
    assert service.login("back.again@example.com").status == 200
    proof = {"password": "seven lanterns on the quay"}
    token = service.login(ada, fields=proof).data["access_token"]
    change = {"current_password": "seven lanterns on the quay", "new_password": PASSWORD}
    service.login(ada, fields=proof, user_agent=IPHONE)
    answer = service.request("PUT", "/api/v1/users/me/password", json_body=change, token=token)
    assert answer.data == {"terminated_count": 1}
    for path in ("auth/email/resend", "auth/password/forgot", "auth/login/code"):
        answer = service.request("POST", f"/api/v1/{path}", json_body={"email": ada})
        assert answer.status == 202
    service.configure(email_verification=EmailVerification.REQUIRED)
    assert service.register(ada, username="countess").status == 202
    service.deliver()
    link = service.links(Purpose.NOT_ME)[-1]
    shown = service.request("GET", NOT_ME, headers={"latchkey-token": link})
    assert shown.status == 200
    use_links(service, "disown_session", {})


def move_twice(moving):
    """Change the address again while the first one is reserved: the second one is released."""
    service = moving.service
    for address in ("one@example.com", "two@example.com"):
        answer = moving.request("POST", "/api/v1/users/me/email", json_body={"email": address})
        assert answer.status == 202, answer
        service.deliver()
        (link,) = service.links(Purpose.CHANGE_EMAIL, moving.id)
        body = {"token": link, "password": PASSWORD}
        answer = service.request("POST", "/api/v1/auth/email/verify", json_body=body)
        assert answer.status == 200, answer


def mails(service):
    """Let SES take no more for now; then let an address bounce, and an operator allow it again."""
    person = Person(service, "bouncing@example.com")
    service.request("POST", "/api/v1/auth/password/forgot", json_body={"email": person.email})
    with service.mail_refused():
        service.deliver()
    event = (ROOT / "events" / "record_mail_events.json").read_text()
    bounced = json.loads(event.replace("ada@example.com", "bouncing@example.com"))
    assert service.invoke("record_mail_events", bounced) == {"batchItemFailures": []}
    allowed = service.invoke("record_mail_events", {"allow": "bouncing@example.com"})
    assert allowed == {"changed": True}


def use_a_code(service, email):
    """Sign in with a code, as it would have been mailed."""
    account = service.services[account_store].find_by_email(email)
    code, purpose = "0123456789", CodePurpose.SIGN_IN
    mailed = MailedCode(
        digest=digest_of(code, purpose=purpose, account_id=account.id),
        purpose=purpose,
        account_id=account.id,
        state=state_of(account),
        expires_at=service.clock.now() + timedelta(minutes=1),
    )
    MailedCodeStore(service.table).put_new(mailed)
    assert service.login(email, fields={"code": code}).status == 200


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


def by_lambda(function):
    """Return the calls that Lambda makes with a function's role: logs, event sources, failures."""
    name = f"test-{function}"
    logs = deployed()[function]["Properties"]["LoggingConfig"]["LogGroup"]
    stream = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{logs}:log-stream:"
    calls = {Call("logs:CreateLogStream", stream), Call("logs:PutLogEvents", f"{stream}1")}
    for resource in deployed().values():
        properties = resource.get("Properties", {})
        if properties.get("FunctionName") != name:
            continue
        if resource["Type"] == "AWS::Lambda::EventSourceMapping":
            source = properties["EventSourceArn"]
            kind = source.split(":")[2]
            calls |= {Call(f"{kind}:{action}", source) for action in POLLING[kind]}
            if kind == "dynamodb":
                calls.add(Call("dynamodb:ListStreams", "*"))
        if resource["Type"] in {
            "AWS::Lambda::EventSourceMapping",
            "AWS::Lambda::EventInvokeConfig",
        }:
            failed = properties.get("DestinationConfig", {}).get("OnFailure")
            if failed:
                calls.add(Call("sqs:SendMessage", failed["Destination"]))
    return calls


POLLING = {
    "sqs": ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"),
    "dynamodb": ("DescribeStream", "GetRecords", "GetShardIterator"),
}
"""What Lambda asks for to read an event source. Source: the Lambda guide, SQS and DynamoDB."""


def is_allowed(statements, call):
    return allows(statements, call.action, call.resource, dict(call.context))


def parts(statements):
    """Split statements into parts of one action, one resource and one pattern of keys."""
    for statement in statements:
        condition = statement.get("Condition", {})
        keys = condition.get("ForAllValues:StringLike", {}).get(LEADING_KEYS, [None])
        for action in as_list(statement["Action"]):
            for resource in as_list(statement["Resource"]):
                for key in as_list(keys):
                    part = {"Action": action, "Resource": resource}
                    if key is not None:
                        narrowed = {"ForAllValues:StringLike": {LEADING_KEYS: [key]}}
                        part["Condition"] = {**condition, **narrowed}
                    yield {**statement, **part}


def single(call):
    """Split a call into one for each of its keys: a part of a statement may cover one of them."""
    keys = call.leading_keys
    if len(keys) < 2:
        return [call]
    return [replace(call, context=((LEADING_KEYS, (key,)),)) for key in keys]


def elsewhere(call):
    """Return calls like this one that no role may make."""
    prefix, service, region, account, resource = call.resource.split(":", 5)[1:]
    where = {
        "partition": ("aws-cn", service, region, account, resource),
        "account": (prefix, service, region, "210987654321", resource),
        "region": (prefix, service, "us-east-1", account, resource),
        "name": (prefix, service, region, account, renamed(service, resource)),
    }
    if service == "s3":
        del where["account"], where["region"]  # its ARNs have none
    if resource.startswith("identity/"):
        del where["name"]  # of any recipient: see FromAddress
    found = [replace(call, resource=":".join(("arn", *parts))) for parts in where.values()]
    for name, values in call.context:
        foreign = "FOREIGN#1" if name == LEADING_KEYS else "somebody@else.example"
        found.append(replace(call, context=()))
        found.append(replace(call, context=((name, (foreign,)),)))
        if name == LEADING_KEYS:
            found.append(replace(call, context=((name, (*values, foreign)),)))
    return found


def renamed(service, resource):
    """Name another table, bucket, queue, log group or parameter."""
    head, separator, tail = resource.partition("/")
    match service:
        case "s3":
            return f"{head}-2{separator}{tail}"
        case "dynamodb":
            table, *rest = tail.split("/")
            return "/".join([head, f"{table}-2", *rest])
        case "ssm":
            return resource.replace("/test/", "/test-2/")
        case "logs":
            return resource.replace(":log-stream", "-2:log-stream")
    return f"{resource}-2"


@pytest.mark.parametrize("function", functions())
def test_role_grants_exactly_the_recorded_calls(function, performed):
    does = performed[folder(functions()[function])] | by_lambda(function)
    may = role_statements(function)
    denied = sorted(
        {f"{c.action} {c.resource} {c.leading_keys}" for c in does if not is_allowed(may, c)}
    )
    assert denied == [], f"{function} is not granted what it does"
    keyed = [one for call in does for one in single(call)]
    unused = [part for part in parts(may) if not any(is_allowed([part], call) for call in keyed)]
    assert unused == [], f"{function} is granted what it never does"


@pytest.mark.parametrize("function", functions())
def test_role_grants_nothing_on_other_resources(function, performed):
    does = performed[folder(functions()[function])] | by_lambda(function)
    calls = [call for call in does if call.resource != "*"]
    for call in calls:
        for other in elsewhere(call):
            assert not is_allowed(role_statements(function), other), other


@pytest.mark.parametrize("function", functions())
def test_every_part_of_a_statement_is_used(function):
    for statement in role_statements(function):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            assert "*" not in action
            assert "Scan" not in action
        for resource in as_list(statement["Resource"]):
            if resource == "*":
                # IAM has no resource for it.
                assert statement["Action"] == "dynamodb:ListStreams"
            assert ":dynamodb:" not in resource or "*" not in resource
        on_items = any(
            ":table/" in r and "/stream/" not in r for r in as_list(statement["Resource"])
        )
        if on_items:
            assert statement["Condition"]["Null"] == {LEADING_KEYS: "false"}
            assert statement["Condition"]["ForAllValues:StringLike"][LEADING_KEYS]


def test_a_key_in_kms_is_used_instead_of_one_in_parameter_store(performed):
    kms = {"AuditKmsKey": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1"}
    sign, public = (Call(f"kms:{a}", kms["AuditKmsKey"]) for a in ("Sign", "GetPublicKey"))
    private = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/latchkey/test/audit-key"
    for function, asks in (
        ("ChainAuditFunction", {sign}),
        ("AnchorAuditFunction", {sign, public}),
    ):
        stored = performed[folder(functions()[function])] | by_lambda(function)
        does = {call for call in stored if call.resource != private} | asks
        may = role_statements(function, **kms)
        assert all(is_allowed(may, call) for call in does)
        assert [p for p in parts(may) if not any(is_allowed([p], call) for call in does)] == []
        assert not any(is_allowed(may, call) for call in stored if call.resource == private)
        other = replace(sign, resource=f"{kms['AuditKmsKey']}2")
        assert not is_allowed(may, other)


READERS = {
    "IndexRequestsFunction": {"dynamodb:GetItem", "dynamodb:Query"},
    "ExportWorkerFunction": {"dynamodb:Query", "dynamodb:PutItem"},
    "ListActivityFunction": {"dynamodb:Query"},
    "ListAuditFunction": {"dynamodb:Query", "dynamodb:BatchGetItem", "dynamodb:PutItem"},
    "ChainAuditFunction": {
        "dynamodb:Query",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        *(f"dynamodb:{action}" for action in POLLING["dynamodb"]),
    },
    "AnchorAuditFunction": {"dynamodb:Query"},
    "ArchiveAuditFunction": {"dynamodb:Query", "dynamodb:BatchGetItem"},
}
"""The functions that may do more with the audit trail than add a row to it."""


def test_no_function_that_serves_requests_can_change_or_read_the_audit_trail():
    audit = deployed()["ChainAuditFunction"]["Properties"]["Environment"]["Variables"]
    for function in functions():
        on_audit = {
            action
            for statement in role_statements(function)
            for action in as_list(statement["Action"])
            if any(
                f"table/{audit['AUDIT_TABLE_NAME']}" in r for r in as_list(statement["Resource"])
            )
        }
        assert on_audit <= READERS.get(function, {"dynamodb:PutItem"}), function


def test_only_chain_audit_can_write_blocks():
    block = Call(
        "dynamodb:PutItem",
        f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{NAMES['AuditTable']}",
        ((LEADING_KEYS, ("CHAIN#0",)),),
    )
    writers = [function for function in functions() if is_allowed(role_statements(function), block)]
    assert writers == ["ChainAuditFunction"]


def test_bucket_policy_allows_only_the_writers():
    (policy,) = (
        resource["Properties"]["PolicyDocument"]["Statement"]
        for resource in deployed().values()
        if resource["Type"] == "AWS::S3::BucketPolicy"
        and resource["Properties"]["Bucket"] == NAMES["AuditBucket"]
    )
    statements = [{k: v for k, v in s.items() if k != "Principal"} for s in policy]
    assert {s["Principal"] for s in policy} == {"*"}
    granting = [{"Effect": "Allow", "Action": "*", "Resource": "*"}, *statements]
    archive = f"arn:aws:s3:::{NAMES['AuditBucket']}/archive/1"

    def may_put(function, tls="true"):
        role = f"arn:aws:iam::{ACCOUNT}:role/test-{function}Role"
        context = {"aws:PrincipalArn": [role], "aws:SecureTransport": [tls]}
        return allows(granting, "s3:PutObject", archive, context)

    writers = {function for function in functions() if may_put(function)}
    assert writers == {"AnchorAuditFunction", "ArchiveAuditFunction", "ChainAuditFunction"}
    assert not may_put("ArchiveAuditFunction", tls="false")
    assert not allows(granting, "s3:PutObject", archive, {"aws:SecureTransport": ["true"]})
