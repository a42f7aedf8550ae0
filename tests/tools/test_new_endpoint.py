"""`make endpoint`: what it writes is complete, and fails its tests until it is filled in."""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
import subprocess
import sys
from types import SimpleNamespace

import pytest

from tools.assemble import assembled, source
from tools.generators import UNWRITTEN, GeneratorError
from tools.new_endpoint import CALLERS, SAMPLES, NewEndpoint
from tools.operations import camel_case, logical_id
from tools.template import ROOT, load

CASES = {
    "public": ("get_sign_in_methods", "GET /api/v1/auth/methods"),
    "signed_in": ("show_session_use", "GET /api/v1/users/me/sessions/{session_id}/use"),
    "recently": ("confirm_export", "POST /api/v1/users/me/exports/{export_id}/confirmation"),
    "signed": ("check_device", "POST /api/v1/auth/devices/check"),
    "self_or_admin": ("replace_badge", "PUT /api/v1/users/{user_id}/badge"),
    "admin": ("delete_badge", "DELETE /api/v1/users/{user_id}/badge"),
}
PARSED = [NewEndpoint.parse(*CASES[caller], caller) for caller in CASES]


def by_name(new):
    return new.name


def test_every_caller_and_every_path_parameter_is_tried():
    assert set(CASES) == set(CALLERS)
    assert {name for new in PARSED for name in new.parameters} == set(SAMPLES)


# What is written ---------------------------------------------------------------------------------


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_python_is_written_that_parses(new):
    for path, text in (new.files() | new.edits()).items():
        if path.suffix == ".py":
            ast.parse(text)


@pytest.fixture(scope="module")
def template():
    """The template with all of them."""
    changed = {}
    for new in PARSED:
        area, text = new.function(changed)
        changed[area] = text
    return assembled(changed)


def test_the_template_loses_nothing(template):
    added = template["Resources"].keys() - load()["Resources"].keys()
    functions = [logical_id(new.name) for new in PARSED]
    assert added == {*functions, *(f"{function}Role" for function in functions)}
    assert load()["Resources"].keys() < template["Resources"].keys()
    roles, before = (
        [role["Ref"] for role in each["Resources"]["WriteTraces"]["Properties"]["Roles"]]
        for each in (template, load())
    )
    assert roles == sorted(roles)
    assert {*roles} - {*before} == {f"{function}Role" for function in functions}


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_the_template_gets_function_and_route(new, template):
    properties = template["Resources"][logical_id(new.name)]["Properties"]
    assert properties["CodeUri"] == f"functions/{new.name}"
    assert properties["Environment"]["Variables"] == {"OPERATION": new.name}
    route = properties["Events"]["Route"]["Properties"]
    assert (route["Method"], route["Path"]) == (new.method, new.path)
    assert ("Auth" in route) is (new.caller in {"public", "signed"})


@pytest.mark.parametrize(
    ("caller", "area"), [("public", "links"), ("signed_in", "sessions"), ("admin", "users")]
)
def test_the_function_is_in_the_file_of_its_resource(caller, area):
    new = NewEndpoint.parse(*CASES[caller], caller)
    edits = new.edits()
    assert f"\n  {new.name}:\n" in edits[source(area)]
    assert f"\n  {logical_id(new.name)}:\n" in edits[ROOT / "template.yaml"]


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_the_event_is_a_request_for_the_route(new):
    event = json.loads(new.files()[ROOT / "events" / f"{new.name}.json"])
    assert event["routeKey"] == f"{new.method} {new.path}"
    assert event["rawPath"] == new.path.format(**event.get("pathParameters", {}))
    assert ("authorizer" in event["requestContext"]) is (new.caller != "public")


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_the_matrix_gets_a_rule_and_the_changelog_a_line(new):
    matrix = new.edits()[ROOT / "tests/support/authorization.py"]
    group = re.search(
        rf'^{CALLERS[new.caller].rule} = """(.*?)"""', matrix, re.DOTALL | re.MULTILINE
    )
    assert group
    assert camel_case(new.name) in group[1].split()
    line = f"- `{new.method} {new.path}`: {UNWRITTEN}\n"
    assert line in new.edits()[ROOT / "CHANGELOG.md"]


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_the_permission_test_walks_through_it(new):
    module = ast.parse(new.edits()[ROOT / "tests/contract/test_permissions.py"])
    functions = {node.name: node for node in module.body if isinstance(node, ast.FunctionDef)}
    assert f"{new.name}(service)" in ast.unparse(functions["performed"])
    assert f"'{new.method}'" in ast.unparse(functions[new.name])


@pytest.mark.parametrize("new", PARSED, ids=by_name)
def test_at_most_seven_steps_are_left_and_one_command(new):
    output = new.steps(["x"])
    numbers = [int(number) for number in re.findall(r"^ (\d)\. ", output, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert 1 <= len(numbers) <= 7
    assert output.count("pytest") == 1
    assert ("interleaved_operations" in output) is (new.method != "GET")


@pytest.mark.parametrize(
    ("name", "route", "caller", "sentence"),
    [
        ("Rename-Session", "GET /api/v1/users/x", "admin", "can't name an endpoint"),
        ("renameSession", "GET /api/v1/users/x", "admin", "can't name an endpoint"),
        ("2fa", "GET /api/v1/users/x", "admin", "can't name an endpoint"),
        ("import", "GET /api/v1/users/x", "admin", "can't name an endpoint"),
        ("a__b", "GET /api/v1/users/x", "admin", "can't name an endpoint"),
        ("show_x", "/api/v1/users/x", "admin", "is not a route"),
        ("show_x", "HEAD /api/v1/users/x", "admin", "is not a route"),
        ("show_x", "GET /v1/users/x", "admin", "is not a route"),
        ("show_x", "GET /api/v1/users/{userId}", "admin", "is not a route"),
        ("show_x", "GET /api/v1/users/x", "anybody", "use public, signed_in"),
        ("show_x", "GET /api/v1/users/me", "signed_in", "exists already: get_me"),
        ("show_x", "GET /api/v1/users/{user_id}", "admin", "exists already: get_user"),
        ("show_x", "GET /api/v1/users/x", "self_or_admin", "needs {user_id} in the path"),
        ("show_x", "GET /api/v1/users/me/notes/{note_id}", "signed_in", "_PATH_PARAMETERS"),
        ("show_x", "GET /api/v1/teams", "signed_in", "_TAGS"),
        ("list_sessions", "GET /api/v1/users/me/x", "signed_in", "exists already; nothing"),
        ("show_x", "GET /api/v1/users/{user_id}/x/{user_id}", "admin", "another name"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(name, route, caller, sentence):
    with pytest.raises(GeneratorError) as refused:
        NewEndpoint.parse(name, route, caller)
    assert sentence in str(refused.value)


# From end to end, in a copy ----------------------------------------------------------------------

COPIED = (
    "benchmarks",
    "clients/python",
    "events",
    "functions",
    "layers",
    "template",
    "tests",
    "tools",
    "docs",
)
FILES = ("template.yaml", "openapi.json", "CHANGELOG.md", "pyproject.toml", "samconfig.toml")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """All six endpoints in one copy of the tree, and how to run something in it."""
    root = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "node_modules", "*.pyc")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=ignored)
    for name in FILES:
        shutil.copy(ROOT / name, root / name)
    (root / ".tools").symlink_to(ROOT / ".tools")  # SAM, which translates the template

    def run(*command):
        environment = {**os.environ, "PYTHONPATH": str(root / "layers/shared")}
        return subprocess.run(  # noqa: S603 - our own interpreter and tools
            [sys.executable, "-m", *command],
            cwd=root,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    for caller, (name, route) in CASES.items():
        done = run("tools.new_endpoint", name, route, caller)
        assert done.returncode == 0, done.stderr
    done = run("tools.openapi")
    assert done.returncode == 0, done.stderr
    return SimpleNamespace(root=root, run=run)


def run_generated(copy, *more):
    names = [name for name, _ in CASES.values()]
    keywords = " or ".join([*names, *map(camel_case, names)])
    command = ["pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", "-k", keywords]
    return copy.run(*command, *(f"tests/functions/test_{name}.py" for name in names), *more)


def replace(path, *changes):
    text = path.read_text()
    for old, new in changes:
        assert old in text, f"{path.name} has no {old!r}"
        text = text.replace(old, new)
    path.write_text(text)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_a_generated_endpoint_is_red_until_it_is_filled_in(copy):
    for command in (("ruff", "check", "."), ("ruff", "format", "--check", ".")):
        done = copy.run(*command)
        assert done.returncode == 0, done.stdout
    red = run_generated(copy)
    assert red.returncode == 1
    assert f"{len(CASES)} failed" in red.stdout
    assert "KeyError" not in red.stdout
    for name, _ in CASES.values():
        assert f"write functions/{name}/app.py" in red.stdout
    house = run_generated(copy, "tests/contract/test_house.py")
    assert f"functions/{CASES['public'][0]}/app.py: write the summary" in house.stdout

    fill_in(copy.root)
    done = copy.run("tools.openapi")
    assert done.returncode == 0, done.stderr
    green = run_generated(
        copy,
        "tests/contract/test_house.py",
        "tests/contract/test_imports.py",
        "tests/contract/test_openapi.py",
        "tests/functions/test_events.py",
    )
    assert green.returncode == 0, green.stdout[-4000:]
    granted = run_generated(copy, "tests/contract/test_permissions.py")
    assert granted.returncode == 0, granted.stdout[-4000:]


def fill_in(root):
    """Do the steps that the command printed, for endpoints that do as little as they may."""
    entries = []
    for name, route in CASES.values():
        app = root / "functions" / name / "app.py"
        replace(
            app,
            (f"{name} {UNWRITTEN}", f"Do {name.replace('_', ' ')}"),
            ("raise NotImplementedError", 'del request\n    return ok(message="Done.")'),
            ("http import Request, Response, ", "http import Request, Response, ok, "),
        )
        test = root / f"tests/functions/test_{name}.py"
        test.write_text(re.sub(r"    pytest\.fail\(.*\)\n", "", test.read_text()))
        replace(root / "CHANGELOG.md", (f"`{route}`: {UNWRITTEN}", f"`{route}` does it."))
        if not route.startswith("GET "):
            entries.append(f'    "{camel_case(name)}": "changes nothing",\n')
    operations = root / "tests/support/interleaved_operations.py"
    replace(operations, ("ELSEWHERE = {\n", "ELSEWHERE = {\n" + "".join(entries)))
