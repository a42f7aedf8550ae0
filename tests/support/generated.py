"""Sends requests that are generated from the contract, and checks the responses.

The service may refuse a valid request only for reasons outside the schema, such as a missing
account, and never as malformed. It must refuse an invalid one. The contract must describe every
response.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.core import NotSet
from schemathesis.core.result import Ok

from latchkey.domain.text import is_readable, to_stored_form
from latchkey.http.bodies.fields import NETWORK_FORMAT, NEW_PASSWORD_FORMAT, TEXT_FORMAT
from latchkey.http.bodies.languages import LANGUAGE_FORMAT
from tests.support.contract import require_documented
from tests.support.person import Person
from tests.support.service import PASSWORD, InProcessService
from tools.openapi import document

if TYPE_CHECKING:
    from schemathesis import Case

    from tests.support.service import Answer

MEANING = {
    "EMPTY_PERIOD",
    "INVALID_CURSOR",
    "ONE_FILTER_ONLY",
    "SINGLE_USE_TOKEN_INVALID",
    "TOO_COMMON",
    "TOO_LARGE",
    "UNCHANGED",
    "USER_REQUIRED",
}
"""Reasons to refuse a valid request: contradicting fields, a size in bytes."""

SIGNED_OUT = 401

_letters = st.characters(categories=("L", "Nd"), max_codepoint=0x2FFF) | st.sampled_from(" -.'")
_texts = st.text(_letters, min_size=1, max_size=20) | st.sampled_from(
    ["\u0dc1\u0dca\u200d\u0dbb\u0dd3", "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627", "NL"]
)
_names = st.from_regex(r"[a-z0-9]{1,12}([.+_-][a-z0-9]{1,12})?", fullmatch=True)
_domains = st.sampled_from(["example.com", "xn--bcher-kva.example", "mail.example.org"])
_times = st.datetimes(datetime(2000, 1, 2), datetime(9000, 12, 30))  # noqa: DTZ001 - all are UTC


def register_formats() -> None:
    """Register our formats with the generator."""
    known = {
        TEXT_FORMAT: _texts.filter(lambda text: is_readable(to_stored_form(text))),
        LANGUAGE_FORMAT: st.sampled_from(["pt-BR", "de", "zh-Hant-TW"]),
        NEW_PASSWORD_FORMAT: st.just(PASSWORD) | st.text(_letters, min_size=15, max_size=40),
        NETWORK_FORMAT: st.ip_addresses().map(str) | st.sampled_from(["203.0.113.0/24", "::/32"]),
        "email": st.builds("{}@{}".format, _names, _domains),
        "date-time": _times.map(lambda at: at.isoformat(timespec="milliseconds") + "Z"),
    }
    for name, strategy in known.items():
        schemathesis.openapi.format(name, strategy)


class Campaign:
    """Generates requests for every operation, sends them, and notes what was wrong."""

    def __init__(self) -> None:
        """Begin with a service of its own."""
        register_formats()
        self.sent = 0
        self.statuses: dict[str, Counter[int]] = {}
        self.failures: list[str] = []
        self._document = document()
        self._schema = schemathesis.openapi.from_dict(self._document)
        self._validators: dict[str, jsonschema_rs.Draft202012Validator] = {}
        self._people = 0
        self._begin()

    @property
    def operations(self) -> set[str]:
        """Every operation of the contract."""
        paths = self._document["paths"].values()
        return {operation["operationId"] for methods in paths for operation in methods.values()}

    def run(self, requests: int) -> None:
        """Send about so many requests, valid and invalid ones in equal numbers."""
        operations = [
            found.ok() for found in self._schema.get_all_operations() if isinstance(found, Ok)
        ]
        each = max(1, requests // (2 * len(operations)))
        for operation in operations:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.NEGATIVE and not _can_be_wrong(operation):
                    continue
                self._try(operation, mode, each)

    def _try(self, operation: Any, mode: GenerationMode, count: int) -> None:
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode), own=st.booleans())
        def attempt(case: Case[Any], own: bool) -> None:
            self._send(case, mode, own=own)

        attempt()

    def _begin(self) -> None:
        self.service = InProcessService(RATE_LIMIT_FACTOR="1000000", EXPORTS_PER_DAY="100000")
        self._sign_in()

    def _sign_in(self) -> None:
        self._people += 1
        self.admin = Person(self.service, f"admin{self._people}@example.com")
        self.admin.become_admin()

    def _send(self, case: Case[Any], mode: GenerationMode, *, own: bool) -> None:
        operation = case.operation.definition.raw["operationId"]
        path = case.operation.path
        values = dict(case.path_parameters or {})
        if own and mode is GenerationMode.POSITIVE:
            mine = {"user_id": self.admin.id, "session_id": self.admin.session_id}
            values |= {name: mine[name] for name in values if name in mine}
        query = {name: _plain(value) for name, value in (case.query or {}).items()}
        headers = {name.lower(): _plain(value) for name, value in (case.headers or {}).items()}
        options: dict[str, Any] = {"query": query or None, "headers": headers}
        if not isinstance(case.body, NotSet):
            if case.media_type != "application/json":
                return  # forms have tests of their own: test_avatars.py
            is_raw = isinstance(case.body, bytes)
            options["raw_body"] = case.body if is_raw else json.dumps(case.body)
            headers["content-type"] = "application/json"
        answer = self._ask(case.method, path, values, options)
        if answer is None:
            return
        self.sent += 1
        self.statuses.setdefault(operation, Counter())[answer.status] += 1
        wrong = self._wrong(case.method, path, options.get("raw_body"), answer, mode)
        if wrong:
            detail = answer.body.get("error") if isinstance(answer.body, dict) else None
            self.failures.append(
                f"{mode.value} {operation}: {wrong}; {values} {options} -> {answer.status} {detail}"
            )

    def _ask(
        self, method: str, path: str, values: dict[str, Any], options: dict[str, Any]
    ) -> Answer | None:
        concrete = path
        for name, value in values.items():
            text = _plain(value)
            if not text or "/" in text:
                return None  # another route, or none
            concrete = concrete.replace(f"{{{name}}}", text)
        answer = self.service.request(method, concrete, token=self.admin.token, **options)
        if answer.status == SIGNED_OUT:
            # An earlier request signed everybody out, or deleted the account.
            self._sign_in()
            answer = self.service.request(method, concrete, token=self.admin.token, **options)
        return answer

    def _is_valid_body(self, method: str, path: str, body: Any) -> bool:
        """Return whether a body is one that the contract describes; no body is judged as none."""
        described = self._document["paths"][path][method.lower()].get("requestBody")
        if described is None or body is None:
            return True
        key = f"{method} {path}"
        if key not in self._validators:
            schema = described["content"]["application/json"]["schema"]
            components = {"schemas": self._document["components"]["schemas"]}
            self._validators[key] = jsonschema_rs.Draft202012Validator(
                {**schema, "components": components}
            )
        try:
            return self._validators[key].is_valid(json.loads(body))
        except ValueError:
            return False

    def _wrong(
        self, method: str, path: str, body: Any, answer: Answer, mode: GenerationMode
    ) -> str:
        media_type = answer.headers.get("content-type", "")
        try:
            require_documented(method, path, answer.status, media_type, answer.body)
        except Exception as error:  # noqa: BLE001 - every one of them is a finding
            return f"not in the contract: {error!r:.300}"
        if mode is GenerationMode.NEGATIVE:
            # The generator judges the request as a whole, such as a header that it left out; here
            # the body's own schema decides.
            is_bad = answer.status >= 400 or self._is_valid_body(method, path, body)
            return "" if is_bad else "accepted what the contract calls invalid"
        if answer.status >= 500:
            return "a 5xx"
        if answer.status == 400 and answer.code == "VALIDATION_ERROR":
            codes = {problem["code"] for problem in answer.body["error"].get("details", [])}
            if codes - MEANING:
                return f"refused what the contract calls valid: {codes}"
        return ""


def _plain(value: Any) -> str:
    """Write a parameter as it goes over the wire."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (dict, list)):
        return json.dumps(value)
    return "null" if value is None else str(value)


def _can_be_wrong(operation: Any) -> bool:
    raw = operation.definition.raw
    return "requestBody" in raw or bool(raw.get("parameters"))
