"""An operation has the same name in folder, template, event and contract.

Each missing step of a new endpoint fails here with a message.
"""

from __future__ import annotations

import ast
import json
import re

import pytest

from tests.support.interleaved_operations import ELSEWHERE
from tests.support.interleaved_operations import OPERATIONS as INTERLEAVED
from tools import assemble
from tools.generators import UNWRITTEN
from tools.operations import endpoints, folders, logical_id, operations
from tools.template import ROOT, folder, functions, load, routes

FOLDERS = sorted(folders())
MAY_IMPORT = re.compile(
    r"latchkey\.(http|domain|events|wiring)\.\w+(\.\w+)*|latchkey\.(http|observability)|"
    r"__future__|typing|collections\.abc|datetime"
)
FLOW_DATA = re.compile(r"latchkey\.flows\.\w+")
LAYER = ROOT / "layers/shared/latchkey"


def for_types_only(tree):
    """Return the nodes under TYPE_CHECKING."""
    return {
        id(node)
        for branch in ast.walk(tree)
        if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
        for node in ast.walk(branch)
    }


def test_every_folder_is_a_function_of_the_template():
    deployed = {folder(properties) for properties in functions().values()}
    assert deployed == set(FOLDERS)


@pytest.mark.parametrize("name", FOLDERS)
def test_the_template_names_the_function_after_its_folder(name):
    assert folder(functions()[logical_id(name)]) == name


def test_every_function_has_its_operation_as_a_variable():
    """Its own name does not tell: CloudFormation cuts it to 64 characters."""
    operation_ids = {
        name: properties["Environment"]["Variables"]["OPERATION"]
        for name, properties in functions().items()
    }
    assert {name: logical_id(operation) for name, operation in operation_ids.items()} == {
        name: name for name in functions()
    }


def test_every_function_has_an_event_and_every_event_a_function():
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == set(FOLDERS)


@pytest.mark.parametrize("name", sorted(endpoints()))
def test_an_event_is_a_request_for_its_own_function(name):
    event = json.loads((ROOT / "events" / f"{name}.json").read_text())
    own = {f"{r.method} {r.path}": r for r in routes() if r.function == name}
    assert event["version"] == "2.0"
    assert event["routeKey"] in own
    assert event["requestContext"]["routeKey"] == event["routeKey"]
    http = event["requestContext"]["http"]
    assert event["rawPath"] == http["path"]
    route = own[event["routeKey"]]
    parameters = event.get("pathParameters", {})
    assert (http["method"], http["path"]) == (route.method, route.path.format(**parameters))
    found = event["requestContext"].get("authorizer", {})
    assert ("lambda" in found, "iam" in found) == (route.authorized, route.signed)


def test_operations_and_routes_are_the_same():
    described = json.loads((ROOT / "openapi.json").read_text())["paths"]
    in_contract = {(m.upper(), path) for path, methods in described.items() for m in methods}
    assert in_contract == {(route.method, route.path) for route in routes()}


def test_operation_ids_are_unique():
    ids = [operation.id for operation in operations()]
    assert len(ids) == len(set(ids))


BY_HAND = {"grant_admin"}
"""What an operator invokes: no route and no event may lead there."""


@pytest.mark.parametrize("name", sorted(BY_HAND))
def test_manual_functions_have_no_events(name):
    assert functions()[logical_id(name)].get("Events", {}) == {}


@pytest.mark.parametrize("name", sorted(set(FOLDERS) - set(endpoints()) - {"authorizer"} - BY_HAND))
def test_background_functions_have_an_event(name):
    triggers = functions()[logical_id(name)].get("Events", {}).values()
    assert {trigger["Type"] for trigger in triggers} & {
        "Schedule",
        "DynamoDB",
        "SQS",
        "CloudWatchLogs",
    }


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_the_route_has_the_authorizer_exactly_if_the_handler_asks_for_a_caller(operation):
    caller = operation.endpoint.spec.caller
    assert (operation.route.authorized, operation.route.signed) == (
        caller.authorizer,
        caller.signed,
    )


def test_authorizer_is_not_cached_and_has_no_identity_source():
    """A session ends on the next request; and a request without a token gets our 401."""
    authorizers = load()["Resources"]["Api"]["Properties"]["Auth"]["Authorizers"]
    assert [authorizer["Identity"] for authorizer in authorizers.values()] == [
        {"ReauthorizeEvery": 0}
    ]


def test_default_authorizer_requires_a_session():
    auth = load()["Resources"]["Api"]["Properties"]["Auth"]
    assert auth["DefaultAuthorizer"] in auth["Authorizers"]


@pytest.mark.parametrize("name", FOLDERS)
def test_handler_imports_only_allowed_modules(name):
    """HTTP, events, wiring, the domain; of flows their data, and types for annotations.

    No storage, no security, no library. Flows use these.
    """
    tree = ast.parse((ROOT / "functions" / name / "app.py").read_text())
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module=str(module)):
                allowed = (
                    MAY_IMPORT.fullmatch(module)
                    or id(node) in for_types_only(tree)
                    or FLOW_DATA.fullmatch(module)
                )
                assert allowed, f"functions/{name}/app.py imports from {module}"
            case ast.Import():
                pytest.fail(f"functions/{name}/app.py: {ast.unparse(node)}")


@pytest.mark.parametrize("path", sorted((LAYER / "flows").glob("*.py")), ids=lambda path: path.stem)
def test_a_flow_imports_storage_for_annotations_only(path):
    """A store is handed to a flow by `wiring`. What a flow changes is a type of the domain."""
    tree = ast.parse(path.read_text())
    imported = {
        str(node.module)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and id(node) not in for_types_only(tree)
    }
    assert not [module for module in imported if module.startswith("latchkey.storage")]


def test_a_handler_is_short():
    for name in FOLDERS:
        lines = (ROOT / "functions" / name / "app.py").read_text().splitlines()
        assert len(lines) <= 60, f"functions/{name}/app.py has a flow in it"


@pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.id)
def test_endpoint_is_finished(operation):
    """What `make endpoint` leaves to be done; the rest of it fails tests of its own."""
    name = operation.route.function
    source = (ROOT / "functions" / name / "app.py").read_text()
    assert UNWRITTEN not in source, f"functions/{name}/app.py: write the summary"
    assert "NotImplementedError" not in source, f"functions/{name}/app.py: write the handler"
    line = f"`{operation.route.method} {operation.route.path}`: {UNWRITTEN}"
    assert line not in (ROOT / "CHANGELOG.md").read_text(), "CHANGELOG.md: write what clients get"
    described = json.loads((ROOT / "openapi.json").read_text())["paths"]
    method = operation.route.method.lower()
    assert method in described.get(operation.route.path, {}), "run `make openapi`"
    if method != "get":
        entries = {entry.entry_of for entry in INTERLEAVED} | set(ELSEWHERE)
        assert operation.id in entries, "add it to tests/support/interleaved_operations.py"


def test_no_placeholder_is_left():
    for name in ("CHANGELOG.md", "openapi.json", "template.yaml"):
        assert UNWRITTEN not in (ROOT / name).read_text(), name


def test_the_template_is_what_its_sources_say(capsys):
    assert assemble.main(["--check"]) == 0, capsys.readouterr().err
