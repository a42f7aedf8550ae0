"""`make endpoint NAME=verb_noun ROUTE="GET /api/v1/…" CALLER=signed_in`: writes a new endpoint.

It writes every place that follows from the name, the route and the caller, and prints the steps
that need a decision. What it writes fails its tests until these steps are done: the handler raises
NotImplementedError, and its summary and its line in the CHANGELOG are marked with `UNWRITTEN`.
"""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from string import Template
from typing import TYPE_CHECKING

from tools.assemble import AREAS, TARGET, as_yaml, assembled, read, source
from tools.generators import ADDED, UNWRITTEN, GeneratorError, generate, insert_after
from tools.openapi import path_parameter, tag_of
from tools.operations import API_PREFIX, camel_case
from tools.sample_events import ACCOUNT_ID as SAMPLE_ACCOUNT_ID
from tools.sample_events import EXPORT_ID, IAM, OTHER_SESSION_ID, http_event, render
from tools.template import ROOT, routes, shape

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ROUTE = re.compile(rf"(GET|POST|PUT|PATCH|DELETE) ({API_PREFIX}(?:/(?:[a-z0-9.-]+|{{[a-z_]+}}))+)")
USAGE = (
    'usage: make endpoint NAME=verb_noun ROUTE="GET /api/v1/users/me/things/{session_id}" '
    "CALLER=public|signed_in|recently|signed|self_or_admin|admin"
)


@dataclass(frozen=True, slots=True)
class CallerKind:
    """Who may call an endpoint.

    rule     the group of `tests/support/authorization.py`
    imports  the function of `latchkey.http` that declares it
    """

    rule: str
    imports: str
    declared: str


CALLERS = {
    "public": CallerKind("PUBLIC", "public", "public()"),
    "signed_in": CallerKind("SIGNED_IN", "signed_in", "signed_in()"),
    "recently": CallerKind("SIGNED_IN", "signed_in", "signed_in(recently=True)"),
    "signed": CallerKind("SIGNED", "signed", "signed()"),
    "self_or_admin": CallerKind("OWNER", "self_or_admin", 'self_or_admin("user_id")'),
    "admin": CallerKind("ADMIN", "admin", "admin()"),
}

SAMPLES = {
    "user_id": SAMPLE_ACCOUNT_ID,
    "session_id": OTHER_SESSION_ID,
    "export_id": EXPORT_ID,
}
"""Ids for path parameters in events. `tests/functions/test_events.py` replaces them with real
ones."""

_ARGUMENTS = ("NAME", "ROUTE", "CALLER")

_OBJECTS = {
    "user_id": "{subject}.id",
    "session_id": "{subject}.session_id",
    "export_id": '{subject}.request("POST", "/api/v1/users/me/export").data["id"]',
}
"""How a generated test gets an id for a path parameter. `subject` is the owner."""

_APP = '''\
"""$method $path."""

from __future__ import annotations

from latchkey.http import Request, Response, $imports


@endpoint(caller=$declared)
def handler(request: Request[None]) -> Response:
    """$summary."""
    raise NotImplementedError
'''

_TEST = '''\
"""$method $path."""

from __future__ import annotations

import pytest
$import_person

def test_$name(service, ada):
$arrange    answer = $call
    assert answer.status == 200, f"write functions/$name/app.py: {answer.body}"
    pytest.fail("assert what it returns and changes, and each of its errors")
'''

_FUNCTION = """\
  $name:
    $key: $route
"""

_WALK = '''\
def $name(service):
    """$method $path."""
$person$arrange    answer = $call
    assert answer.status == 200, answer.body


'''

_STEPS = """\
Written:
$written

What needs you, in this order:

 1. functions/$name/app.py: the summary (the contract's), body, view, `errors=` and `needs=`.
    Bodies are in http/bodies/, views in http/views/. A body goes into events/$name.json, too
 2. what happens, in flows/, and its part in wiring/. A new error is in domain/errors.py,
    http/errors.py and tools/error_docs.py
 3. a new access pattern: a method of a store in storage/, its key in keys.py
 4. template/$area.yaml: the `Grants` of $name. The tests name the ones that are missing. Then
    `make template`
 5. tests/functions/test_$name.py$interleaved
 6. the packages in BUDGET of tests/contract/test_imports.py, once the handler has its flow
 7. CHANGELOG.md: what clients get. Then `make openapi` and `make check`

Red until all of it is done:

  .venv/bin/python -m pytest tests/contract tests/functions -m "not slow" -k "$name or $operation"
"""


@dataclass(frozen=True, slots=True)
class NewEndpoint:
    """A new endpoint: its name, its route and its callers."""

    name: str
    method: str
    path: str
    caller: str

    @classmethod
    def parse(cls, name: str, route: str, caller: str) -> NewEndpoint:
        """Check the arguments. Raises GeneratorError."""
        if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
            raise GeneratorError(
                f"{name!r} can't name an endpoint: use verb_noun in lower case, as rename_session."
            )
        match = ROUTE.fullmatch(route)
        if match is None:
            raise GeneratorError(
                f"{route!r} is not a route: give a method and a path below {API_PREFIX}, as "
                f'"GET {API_PREFIX}/users/me/sessions".'
            )
        if caller not in CALLERS:
            raise GeneratorError(f"{caller!r} is no caller: use {', '.join(CALLERS)}.")
        new = cls(name, match[1], match[2], caller)
        new._require_described()
        new._require_free()
        return new

    def _require_free(self) -> None:
        taken = next((r for r in routes() if r.shape == shape(self.method, self.path)), None)
        if taken is not None:
            raise GeneratorError(f"{taken.method} {taken.path} exists already: {taken.function}.")
        for path in self.files():
            if path.exists() or (path.name == "app.py" and path.parent.exists()):
                raise GeneratorError(
                    f"{path.relative_to(ROOT)} exists already; nothing was written."
                )

    def _require_described(self) -> None:
        if len(set(self.parameters)) != len(self.parameters):
            raise GeneratorError("A path parameter names one thing: give each another name.")
        if self.caller == "self_or_admin" and "user_id" not in self.parameters:
            raise GeneratorError("self_or_admin needs {user_id} in the path.")
        for name in self.parameters:
            if path_parameter(name) is None or name not in SAMPLES:
                raise GeneratorError(
                    f"{{{name}}} is a new kind of object. Describe it first: _PATH_PARAMETERS in "
                    "tools/openapi.py, SAMPLES and _OBJECTS in tools/new_endpoint.py, NOT_FOUND in "
                    "tests/support/authorization.py."
                )
        if tag_of(self.path) is None:
            raise GeneratorError(
                f"{self.path} is a new resource. Describe it first: _TAGS in tools/openapi.py."
            )

    @property
    def parameters(self) -> list[str]:
        """The names in the path."""
        return re.findall(r"{(\w+)}", self.path)

    @property
    def changes_something(self) -> bool:
        """Whether the tests of interleavings include it, like every operation that changes data."""
        return self.method != "GET"

    @property
    def _is_about_another(self) -> bool:
        """Whether an administrator uses it on the account of another person."""
        return self.caller == "admin" and "user_id" in self.parameters

    def files(self) -> dict[Path, str]:
        """Return the new files."""
        return {
            ROOT / "functions" / self.name / "app.py": self._fill(_APP),
            ROOT / "events" / f"{self.name}.json": self._event(),
            ROOT / "tests/functions" / f"test_{self.name}.py": self._fill(_TEST),
        }

    def edits(self) -> dict[Path, str]:
        """Return the new text of the existing files that mention it. Raises GeneratorError."""
        area, text = self.function({})
        return {source(area): text, TARGET: as_yaml(assembled({area: text}))} | {
            path: edit(path.read_text(encoding="utf-8"))
            for path, edit in (
                (ROOT / "tests/support/authorization.py", self._authorization),
                (ROOT / "tests/contract/test_imports.py", self._budget),
                (ROOT / "tests/contract/test_permissions.py", self._permissions),
                (ROOT / "CHANGELOG.md", self._changelog),
            )
        }

    def texts(self) -> dict[Path, str]:
        """Return the text of every new and changed file. Raises GeneratorError."""
        return self.files() | self.edits()

    def steps(self, written: list[str]) -> str:
        """Return the message about the written files and the remaining steps."""
        interleaved = (
            ", and an entry in tests/support/interleaved_operations.py (ADR 16)"
            if self.changes_something
            else ""
        )
        area, _ = self.function({})
        return self._fill(
            _STEPS,
            written="\n".join(f"  {name}" for name in written),
            interleaved=interleaved,
            area=area,
        )

    def _fill(self, text: str, **more: str) -> str:
        kind = CALLERS[self.caller]
        return Template(text).substitute(
            {
                "name": self.name,
                "method": self.method,
                "path": self.path,
                "imports": ", ".join(sorted({"endpoint", kind.imports})),
                "declared": 'admin(owner="user_id")' if self._is_about_another else kind.declared,
                "summary": f"{self.name} {UNWRITTEN}",
                "operation": camel_case(self.name),
                "route": self._route(),
                "person": self._person(),
                "import_person": "\nfrom tests.support.person import Person\n"
                if self._is_about_another
                else "",
                "arrange": self._arrange(),
                "call": self._call(),
            }
            | more
        )

    def _route(self) -> str:
        route = f"{self.method} {self.path}"
        return f'"{route}"' if self.parameters else route

    def _arrange(self) -> str:
        lines = []
        if self.caller == "admin":
            lines.append("ada.become_admin()")
        subject = "ada"
        if self._is_about_another:
            lines.append(f'bob = Person(service, "bob-{self.name.replace("_", "-")}@example.com")')
            subject = "bob"
        lines += [
            f"{name} = {_OBJECTS[name].replace('{subject}', subject)}" for name in self.parameters
        ]
        return "".join(f"    {line}\n" for line in lines)

    def _person(self) -> str:
        if self.caller in {"public", "signed"} and not self.parameters:
            return ""
        return f'    ada = Person(service, "{self.name.replace("_", "-")}@example.com")\n'

    def _call(self) -> str:
        path = f'{"f" if self.parameters else ""}"{self.path}"'
        client = "service" if self.caller in {"public", "signed"} else "ada"
        signature = ", signed=True" if self.caller == "signed" else ""
        return f'{client}.request("{self.method}", {path}{signature})'

    def _event(self) -> str:
        values = {name: SAMPLES[name] for name in self.parameters}
        event = http_event(self.method, self.path, values)
        if self.caller == "public":
            del event["requestContext"]["authorizer"]
            del event["headers"]["authorization"]
        elif self.caller == "signed":
            event["requestContext"]["authorizer"] = {"iam": IAM}
            event["headers"]["authorization"] = "AWS4-HMAC-SHA256 Credential=…"
        elif self.caller == "admin":
            event["requestContext"]["authorizer"]["lambda"]["role"] = "admin"
        return render(event)

    def function(self, changed: Mapping[str, str]) -> tuple[str, str]:
        """Return the area of the most similar route, and its source with the function added.

        changed  the text of sources that are not written yet, by area
        """
        neighbour = self._neighbour()
        for area in AREAS:
            text = changed.get(area) or source(area).read_text(encoding="utf-8")
            block = re.search(rf"^  {neighbour}:.*\n(?:    .*\n)*", text, re.MULTILINE)
            if block is not None and neighbour in read(area, text).get("Functions", {}):
                key = {"public": "PublicRoute", "signed": "SignedRoute"}.get(self.caller, "Route")
                written = self._fill(_FUNCTION, key=key)
                return area, text[: block.end()] + written + text[block.end() :]
        raise GeneratorError(f"No file of template/ has the function {neighbour}.")

    def _neighbour(self) -> str:
        """Return the function with the most similar route, the last one of several."""
        segments = self.path.split("/")

        def likeness(path: str) -> tuple[int, int]:
            others = path.split("/")
            pairs = zip(segments, others, strict=False)
            in_common = next((n for n, (a, b) in enumerate(pairs) if a != b), len(segments))
            return in_common, -abs(len(segments) - len(others))

        first = {route.function: route.path for route in reversed(routes())}
        best = max(likeness(path) for path in first.values())
        named = [route.function for route in routes() if likeness(first[route.function]) == best]
        return named[-1]

    def _authorization(self, text: str) -> str:
        rule = CALLERS[self.caller].rule
        group = re.search(rf'^{rule} = """[^"]*', text, re.MULTILINE)
        if group is None:
            raise GeneratorError(f"tests/support/authorization.py has no {rule}.")
        return text[: group.end()] + f"\n    {camel_case(self.name)}" + text[group.end() :]

    def _budget(self, text: str) -> str:
        """Add the budget of a handler without a flow, which loads none of the listed packages."""
        return insert_after(text, "BUDGET = {\n", f'    "{self.name}": (set(), 400),\n')

    def _permissions(self, text: str) -> str:
        """Add a step to the walk, before the steps that require verified addresses."""
        text = insert_after(text, "        mails(service)\n", f"        {self.name}(service)\n")
        start = text.index("def overdue_sessions(service):")
        return text[:start] + self._fill(_WALK) + text[start:]

    def _changelog(self, text: str) -> str:
        line = f"- `{self.method} {self.path}`: {UNWRITTEN}\n"
        return insert_after(text, ADDED, line)


def main(arguments: list[str]) -> int:
    """Write one endpoint. Returns the exit code."""
    if len(arguments) != len(_ARGUMENTS) or not all(arguments):
        print(USAGE, file=sys.stderr)
        return 2
    return generate(lambda: NewEndpoint.parse(*arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
