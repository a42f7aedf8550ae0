"""`make endpoint NAME=verb_noun`: creates the files of an endpoint and prints the next steps."""

from __future__ import annotations

import keyword
import re
import sys
from string import Template
from typing import TYPE_CHECKING

from tools.operations import API_PREFIX, camel_case, logical_id
from tools.sample_events import http_event, render
from tools.template import ROOT

if TYPE_CHECKING:
    from pathlib import Path

_METHODS = {
    "get": "GET",
    "list": "GET",
    "delete": "DELETE",
    "remove": "DELETE",
    "revoke": "DELETE",
    "replace": "PUT",
    "set": "PUT",
    "rename": "PATCH",
    "update": "PATCH",
}
"""By verb; any other verb is a POST."""

_APP = '''\
"""$method $path: describe it in a few words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.http.auth import signed_in
from latchkey.http.endpoint import endpoint

if TYPE_CHECKING:
    from latchkey.http.request import Request
    from latchkey.http.response import Response


@endpoint(caller=signed_in())
def handler(request: Request[None]) -> Response:
    """Describe the operation in one line: this is the contract's summary."""
    raise NotImplementedError
'''

_TEST = '''\
"""$method $path."""

from __future__ import annotations

import pytest

from tests.support.service import InProcessService


@pytest.fixture
def service():
    return InProcessService()


def test_$name(service):
    token = service.register().data["access_token"]

    answer = service.request("$method", "$path", token=token)

    assert answer.status == 200
    pytest.fail("test the behaviour of $operation and every error that it can return")
'''

_STEPS = """\
Written:
$written

Next steps, in this order:

 1. the body, if there is one, in layers/shared/latchkey/http/bodies/, and the view in http/views/
 2. the flow in layers/shared/latchkey/flows/; a new error in domain/errors.py, its row in
    http/errors.py and its advice in tools/error_docs.py
 3. a new access pattern in layers/shared/latchkey/storage/, its key in keys.py
 4. functions/$name/app.py: caller, body, view, errors; then the event's path and body
 5. template.yaml, in the section of its resource, with the statements that its calls need. They are
    listed under "IAM statements":

  $logical_id:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: functions/$name
      Environment: { Variables: { OPERATION: $name } }
      Role: !GetAtt ${logical_id}Role.Arn
      Events:
        Route: { Type: HttpApi, Properties: { ApiId: !Ref Api, Method: $method, Path: $path } }

  ${logical_id}Role:
    Type: AWS::IAM::Role
    Properties:
      AssumeRolePolicyDocument: *LambdaMayAssume
      Policies:
        - PolicyName: Grants
          PolicyDocument: { Version: "2012-10-17", Statement: [*WriteLog, *GetAccountItem] }

 6. tests/functions/test_$name.py, a path in tests/contract/test_permissions.py and a budget in
    tests/contract/test_imports.py
 7. `make openapi`, `make check`, `make test`, and a line in CHANGELOG.md"""


def files(name: str) -> dict[Path, str]:
    """Return the files of a new endpoint."""
    method, path = guess_route(name)
    words = {"name": name, "method": method, "path": path, "operation": camel_case(name)}
    event = http_event(method, path)
    return {
        ROOT / "functions" / name / "app.py": Template(_APP).substitute(words),
        ROOT / "events" / f"{name}.json": render(event),
        ROOT / "tests" / "functions" / f"test_{name}.py": Template(_TEST).substitute(words),
    }


def guess_route(name: str) -> tuple[str, str]:
    """Guess method and path from the name. The developer corrects them."""
    verb, _, noun = name.partition("_")
    return _METHODS.get(verb, "POST"), f"{API_PREFIX}/{(noun or verb).replace('_', '-')}"


def refusal(name: str) -> str | None:
    """Return why an endpoint can't have this name, or None."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or keyword.iskeyword(name):
        return f"{name!r} can't name an endpoint: use verb_noun in lower case, as rename_session."
    for path in files(name):
        if path.exists() or (path.name == "app.py" and path.parent.exists()):
            return f"{path.relative_to(ROOT)} already exists. Nothing was written."
    return None


def main(arguments: list[str]) -> int:
    """Create the files of an endpoint."""
    if len(arguments) != 1:
        print("usage: make endpoint NAME=verb_noun", file=sys.stderr)
        return 2
    (name,) = arguments
    if (reason := refusal(name)) is not None:
        print(reason, file=sys.stderr)
        return 1
    written = files(name)
    for file, text in written.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    method, path = guess_route(name)
    words = {
        "name": name,
        "method": method,
        "path": path,
        "logical_id": logical_id(name),
        "written": "\n".join(f"  {file.relative_to(ROOT)}" for file in written),
    }
    print(Template(_STEPS).substitute(words))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
