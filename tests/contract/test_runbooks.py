"""The commands of README, operations and runbooks exist and accept the documented arguments."""

from __future__ import annotations

import importlib.util
import re
import shlex

import botocore.session
import pytest
from botocore import xform_name

from tests.support.runbooks import RUNBOOKS, commands_of
from tools.template import ROOT, load

DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "docs/operations.md",
    ROOT / "docs/audit.md",
    *sorted(RUNBOOKS.glob("*.md")),
]
COMMANDS = [
    (document.name, command)
    for document in DOCUMENTS
    for command in commands_of(document.read_text())
]
ON_AWS_ONLY = {"make deploy", "make changeset", "make preflight"}
"""Profiles other than `local` have resources that the emulator refuses (ADR 4)."""

OF_THE_CLI = {"configure", "sso login", "logs tail"}
"""Commands of the AWS CLI that are no operation of a service."""


def kind(command):
    """Return the program and the target."""
    return " ".join(command.split()[:2])


def recipe(target):
    """Return a target of the Makefile with its recipe; None if there is none."""
    found = re.search(rf"^{target}:.*\n(?:\t.*\n)*", (ROOT / "Makefile").read_text(), re.MULTILINE)
    return found and found[0]


@pytest.mark.parametrize(("document", "command"), COMMANDS)
def test_a_documented_command_exists(document, command):
    program, first, *rest = shlex.split(command)
    if program == "make":
        check_make(first, [word for word in rest if word != "…"])
    elif program in {"python", ".venv/bin/python"}:
        module, *_ = rest
        assert first == "-m"
        assert importlib.util.find_spec(module), document
    else:
        check_aws(first, *rest)


def check_make(target, arguments):
    text = recipe(target)
    assert text, f"there is no target {target}"
    for word in arguments:
        name, is_pair, _ = word.partition("=")
        assert is_pair, word
        if name.isupper():
            # make passes its variables on to the tool's environment, too.
            tool = re.search(r"-m (tools\.\w+)", text)[1]
            source = importlib.util.find_spec(tool).origin
            sources = [*sorted(ROOT.glob(f"{tool.replace('.', '/')}/*.py")), ROOT / source]
            read = any(f'"{name}"' in path.read_text() for path in sources)
            assert f"$({name})" in text or f"$(or $({name})," in text or read, word
        else:
            assert name in load()["Parameters"], word
            assert "$(GIVEN)" in text, word


def check_aws(service, operation="", *arguments):
    if "…" in operation or f"{service} {operation}".strip() in OF_THE_CLI:
        return
    model = botocore.session.get_session().get_service_model(service.replace("s3api", "s3"))
    methods = {xform_name(name): name for name in model.operation_names}
    name = operation.replace("-", "_")
    assert name in methods, f"{service} has no {operation}"
    shape = model.operation_model(methods[name]).input_shape
    known = {xform_name(member).replace("_", "-") for member in shape.members} if shape else set()
    general = {"query", "output", "region", "cli-binary-format", "payload", "profile"}
    options = [word.removeprefix("--").partition("=")[0] for word in arguments if word[:2] == "--"]
    assert set(options) - known - general == set()


def test_there_are_commands_in_every_runbook():
    found = {document for document, _ in COMMANDS}
    assert {path.name for path in RUNBOOKS.glob("*.md")} <= found


def test_every_command_of_a_runbook_is_executed_on_the_stack():
    """In tests/integration/test_runbooks.py, by the text of the runbook."""
    source = (ROOT / "tests/integration/test_runbooks.py").read_text()
    executed = {
        (f"{runbook}.md", kind(command))
        for runbook, command in re.findall(r'step\(\s*[\w.]+,\s*"(\w+)",\s*"([^"]+)"', source)
    }
    written = {
        (path.name, kind(command))
        for path in RUNBOOKS.glob("*.md")
        for command in commands_of(path.read_text())
        if not command.startswith("aws ") and kind(command) not in ON_AWS_ONLY
    }
    # The audit verifier has a document of its own, and tests/integration/test_audit.py.
    assert written - executed - {("restore.md", "make verify-audit")} == set()
