"""Where a request came from, sealed for its subject."""

from __future__ import annotations

import base64

import pytest

from latchkey.domain.audit import AuditSubject, request_place
from latchkey.domain.ids import SubjectId, new_id
from latchkey.security.origins import read_personal, seal_origin
from latchkey.security.sealing import SealBrokenError, unseal
from tests.support.builders import NOW

SUBJECT = AuditSubject(SubjectId(new_id("sub", NOW)), bytes(range(32)))
SEALED = base64.b64decode(
    seal_origin(SUBJECT, ip_address="203.0.113.7", device="Zoë's phone", request_id="r-1")
)


def test_origin_is_read_as_it_was_sealed():
    plain = unseal(SUBJECT.key, SEALED, request_place(SUBJECT.id, "r-1"))
    assert plain == '["203.0.113.7","Zoë\'s phone"]'.encode()
    assert read_personal(plain) == {"ip_address": "203.0.113.7", "device": "Zoë's phone"}


def test_origin_opens_for_its_request_and_subject_only():
    with pytest.raises(SealBrokenError):
        unseal(SUBJECT.key, SEALED, request_place(SUBJECT.id, "r-2"))
    with pytest.raises(SealBrokenError):
        unseal(bytes(32), SEALED, request_place(SUBJECT.id, "r-1"))
