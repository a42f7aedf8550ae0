"""`make parameter NAME=AdminSessionLimit …`: writes a new parameter in every place it belongs in.

These are the template (parameter, group in the console, variable of all functions), `Config`, the
environment of the tests, a test that fails until it is written, and a line of the CHANGELOG. It
prints the steps that need a decision.
"""

from __future__ import annotations

import json
import re
import sys
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.assemble import TARGET, as_yaml, assembled, source
from tools.generators import (
    ADDED,
    UNWRITTEN,
    GeneratorError,
    generate,
    insert_after,
    insert_before,
)
from tools.template import ROOT, load

if TYPE_CHECKING:
    from pathlib import Path

USAGE = (
    'usage: make parameter NAME=AdminSessionLimit GROUP="Sessions and tokens" DEFAULT=5 '
    'DESCRIPTION="What a deployer chooses"'
)
_LINE_CHARACTERS_MAX = 112
_ARGUMENTS = ("NAME", "GROUP", "DEFAULT", "DESCRIPTION")

_TEST = '''\
"""The parameter `{name}`."""

from __future__ import annotations

import pytest

from tests.support.person import Person
from tests.support.service import InProcessService

OTHER = {other}  # the default is {default}


def test_{field}_decides():
    ada = Person(InProcessService({variable}=OTHER))
    answer = ada.request("GET", "/api/v1/users/me")
    assert answer.status == 200
    pytest.fail("assert what OTHER changes, in the request that it is about")
'''

_STEPS = """\
Written:
{written}

What needs you, in this order:

 1. what uses it: a field of a flow in flows/, given by its part in wiring/ as config.{field}
 2. tests/functions/test_{field}.py: what another value changes
 3. CHANGELOG.md: what deployers can choose
 4. template/parameters.yaml: MinValue, MaxValue or AllowedPattern, if not every value works.
    Then `make template`. Another type than {type} is made in Config.from_env

Red until 1, 2 and 3 are done:

  .venv/bin/python -m pytest tests/functions/test_{field}.py tests/contract/test_parameters.py \\
    tests/contract/test_changelog.py
"""


@dataclass(frozen=True, slots=True)
class NewParameter:
    """A new parameter.

    group  the label of its group in the console
    """

    name: str
    group: str
    default: str
    description: str

    @classmethod
    def parse(cls, name: str, group: str, default: str, description: str) -> NewParameter:
        """Check the arguments. Raises GeneratorError."""
        if not re.fullmatch(r"([A-Z][a-z0-9]+)+", name):
            raise GeneratorError(f"{name!r} can't name a parameter: write it as SessionLimit.")
        if name in load()["Parameters"]:
            raise GeneratorError(f"{name} exists already; nothing was written.")
        if group not in _groups():
            raise GeneratorError(f"{group!r} is no group: use {', '.join(sorted(_groups()))}.")
        if "\n" in description or '"' in description + default:
            raise GeneratorError("DEFAULT and DESCRIPTION are one line, without quotation marks.")
        new = cls(name, group, default, description.rstrip("."))
        if new.test.exists():
            raise GeneratorError(f"{new.test.relative_to(ROOT)} exists already.")
        return new

    @property
    def is_number(self) -> bool:
        """Whether the default is a whole number. Otherwise the parameter is a text."""
        return self.default.isdecimal()

    @property
    def field(self) -> str:
        """The field of Config: `admin_session_limit`."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", self.name).lower()

    @property
    def variable(self) -> str:
        """The environment variable: `ADMIN_SESSION_LIMIT`."""
        return self.field.upper()

    @property
    def test(self) -> Path:
        """The file of the test of what it changes."""
        return ROOT / "tests/functions" / f"test_{self.field}.py"

    def texts(self) -> dict[Path, str]:
        """Return the new text of each file. Raises GeneratorError."""
        changed = {
            area: edit(source(area).read_text(encoding="utf-8"))
            for area, edit in (("parameters", self._parameters), ("shared", self._variables))
        }
        sources = {source(area): text for area, text in changed.items()}
        new = {TARGET: as_yaml(assembled(changed)), self.test: self._test()}
        return {**sources, **new} | {
            path: edit(path.read_text(encoding="utf-8"))
            for path, edit in (
                (ROOT / "layers/shared/latchkey/config.py", self._config),
                (ROOT / "tests/support/service.py", self._environment),
                (ROOT / "CHANGELOG.md", self._changelog),
            )
        }

    def steps(self, written: list[str]) -> str:
        """Return the message about the written files and the remaining steps."""
        return _STEPS.format(
            written="\n".join(f"  {name}" for name in written),
            field=self.field,
            variable=self.variable,
            type="a whole number" if self.is_number else "a text",
        )

    def _test(self) -> str:
        other = str(int(self.default) + 1) if self.is_number else f"not {self.default}".strip()
        return _TEST.format(
            name=self.name,
            other=json.dumps(other),
            default=json.dumps(self.default),
            field=self.field,
            variable=self.variable,
        )

    def _parameters(self, text: str) -> str:
        last = _groups()[self.group][-1]
        block = re.search(rf"^    {last}: .*\n(?:      .*\n)*", text, re.MULTILINE)
        if block is None:
            raise GeneratorError(f"template/parameters.yaml has no parameter {last}.")
        kind, value = (
            ("Number", self.default) if self.is_number else ("String", f'"{self.default}"')
        )
        facts = f"    {self.name}: {{ Type: {kind}, Default: {value}, Description:\n"
        description = json.dumps(self.description, ensure_ascii=False) + " }"
        lines = (f"      {line}\n" for line in textwrap.wrap(description, _LINE_CHARACTERS_MAX))
        return text[: block.end()] + facts + "".join(lines) + text[block.end() :]

    def _variables(self, text: str) -> str:
        line = f"        {self.variable}: !Ref {self.name}\n"
        return insert_before(text, r"^        POWERTOOLS_SERVICE_NAME: ", line)

    def _config(self, text: str) -> str:
        kind = "int" if self.is_number else "str"
        value = f'env["{self.variable}"]'
        read = f"int({value})" if self.is_number else value
        text = insert_before(text, r'^    service_name: str = ""', f"    {self.field}: {kind}\n")
        return insert_before(
            text, r"^            service_name=", f"            {self.field}={read},\n"
        )

    def _environment(self, text: str) -> str:
        line = f'    "{self.variable}": "{self.default}",\n'
        return insert_before(text, r'^    "SERVICE_NAME": ', line)

    def _changelog(self, text: str) -> str:
        return insert_after(text, ADDED, f"- `{self.name}`: {UNWRITTEN}\n")


def _groups() -> dict[str, list[str]]:
    groups = load()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    return {group["Label"]["default"]: group["Parameters"] for group in groups}


def main(arguments: list[str]) -> int:
    """Write one parameter. Returns the exit code."""
    if len(arguments) != len(_ARGUMENTS) or not all((arguments[0], arguments[1], arguments[3])):
        print(USAGE, file=sys.stderr)
        return 2
    return generate(lambda: NewParameter.parse(*arguments))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
