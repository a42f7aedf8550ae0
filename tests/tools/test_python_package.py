"""The package of `clients/python`: generated files, the wheel, and its README."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import zipfile

import pytest

from tools import python_client
from tools.template import ROOT

PACKAGE = ROOT / "clients/python"
BUILD = "import sys, hatchling.build as b; print(b.build_wheel(sys.argv[1]))"
IMPORTS = """
import sys, latchkey_client
assert latchkey_client.__file__.startswith(sys.argv[1]), latchkey_client.__file__
client = latchkey_client.Client("https://accounts.example.com")
assert client.tokens is None
heavy = {"boto3", "botocore", "jwt", "cryptography", "fastapi", "flask", "django", "pydantic"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
import latchkey_client.table, latchkey_client.introspection
"""


def test_the_generated_files_are_those_of_the_contract():
    contract = json.loads((ROOT / "openapi.json").read_text())
    for path, text in python_client.generated(contract).items():
        assert path.read_text() == text, "run `make openapi`"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built without a network and unpacked as an installer does."""
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-c", BUILD, str(out)]
    subprocess.run(command, cwd=PACKAGE, check=True, capture_output=True)  # noqa: S603
    (wheel,) = out.glob("*.whl")
    assert re.fullmatch(r"latchkey-[0-9.]+-py3-none-any.whl", wheel.name)
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def test_the_wheel_is_complete_typed_and_loads_only_what_is_used(installed):
    assert (installed / "latchkey_client/py.typed").exists()
    source = {path.relative_to(PACKAGE / "src") for path in (PACKAGE / "src").rglob("*.py")}
    assert {path.relative_to(installed) for path in installed.rglob("*.py")} == source
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    subprocess.run(  # noqa: S603
        [sys.executable, "-c", IMPORTS, str(installed)], env=environment, check=True
    )


def test_the_source_is_python_3_11():
    for path in PACKAGE.rglob("*.py"):
        ast.parse(path.read_text(), feature_version=(3, 11))


def test_the_snippets_of_the_readme_name_what_exists(installed):
    text = (PACKAGE / "README.md").read_text()
    snippets = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert snippets
    for snippet in snippets:
        for node in ast.walk(ast.parse(snippet)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("latchkey_client"):
                module = __import__(str(node.module), fromlist=["x"])
                for name in node.names:
                    assert hasattr(module, name.name), ast.unparse(node)
