"""`make parameter`: what it writes is complete, but for what uses the parameter."""

from __future__ import annotations

import ast
import sys
from types import ModuleType

import pytest
import yaml

from tools.generators import UNWRITTEN, GeneratorError, insert_after, insert_before
from tools.new_parameter import NewParameter, main
from tools.template import ROOT, Loader, load

NUMBER = ("ExampleSessionLimit", "Sessions and tokens", "5", "The maximum of an administrator")
TEXT = ("ExampleHours", "Mail", "", "When: in emails. Empty: not named")
BRACKETS = ("ExampleReason", "Consents", "off", "Whether a reason is asked for")
PARAMETERS = [NewParameter.parse(*given) for given in (NUMBER, TEXT, BRACKETS)]
TEMPLATE = ROOT / "template.yaml"


def by_name(new):
    return new.name


@pytest.mark.parametrize("new", PARAMETERS, ids=by_name)
def test_the_template_gets_parameter_group_and_variable_and_loses_nothing(new):
    before = load()
    after = yaml.load(new.texts()[TEMPLATE], Loader=Loader)  # noqa: S506
    parameter = after["Parameters"].pop(new.name)
    assert parameter["Description"] == new.description
    assert str(parameter["Default"]) == new.default
    assert parameter["Type"] == ("Number" if new.default.isdecimal() else "String")
    variables = after["Globals"]["Function"]["Environment"]["Variables"]
    assert variables.pop(new.variable) == {"Ref": new.name}
    interface = after["Metadata"]["AWS::CloudFormation::Interface"]
    groups = {g["Label"]["default"]: g["Parameters"] for g in interface["ParameterGroups"]}
    assert groups[new.group].pop() == new.name
    assert after == before


@pytest.fixture
def changed_config(monkeypatch):
    """Run config.py as it is with a new parameter."""

    def run(new):
        module = ModuleType("changed_config")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(new.texts()[ROOT / "layers/shared/latchkey/config.py"], module.__dict__)  # noqa: S102
        return module.Config

    return run


@pytest.mark.parametrize(("number", "value"), [(0, 5), (1, ""), (2, "off")])
def test_config_reads_it_and_the_tests_set_it(changed_config, number, value):
    new = PARAMETERS[number]
    tree = ast.parse(new.texts()[ROOT / "tests/support/service.py"])
    (environment,) = (
        eval(ast.unparse(node.value))  # noqa: S307 - our own source
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ENVIRONMENT"
    )
    config = changed_config(new)
    assert getattr(config.from_env(environment), new.field) == value
    del environment[new.variable]
    with pytest.raises(KeyError, match=new.variable):
        config.from_env(environment)


@pytest.mark.parametrize("new", PARAMETERS, ids=by_name)
def test_its_test_sets_another_value_and_fails_until_it_is_written(new):
    written = {"__name__": "generated"}
    exec(new.texts()[ROOT / f"tests/functions/test_{new.field}.py"], written)  # noqa: S102
    assert written["OTHER"] != new.default
    with pytest.raises(pytest.fail.Exception, match="assert what OTHER changes"):
        written[f"test_{new.field}_decides"]()


@pytest.mark.parametrize("new", PARAMETERS, ids=by_name)
def test_the_changelog_has_a_line_that_is_not_written_yet(new):
    assert f"- `{new.name}`: {UNWRITTEN}\n" in new.texts()[ROOT / "CHANGELOG.md"]
    assert f"config.{new.field}" in new.steps([])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({0: "adminLimit"}, "can't name a parameter"),
        ({0: "ADMIN"}, "can't name a parameter"),
        ({0: "SessionLimit"}, "exists already"),
        ({1: "Sessions"}, "is no group: use"),
        ({2: 'a"b'}, "without quotation marks"),
        ({3: "two\nlines"}, "one line"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(capsys, change, sentence):
    before = TEMPLATE.read_text()
    given = [change.get(number, text) for number, text in enumerate(NUMBER)]
    with pytest.raises(GeneratorError, match=sentence):
        NewParameter.parse(*given)
    assert main(given) == 1
    assert sentence in capsys.readouterr().err
    assert TEMPLATE.read_text() == before


def test_without_its_values_it_says_how_it_is_used(capsys):
    assert main(["", "", "", ""]) == 2
    assert "usage: make parameter" in capsys.readouterr().err


@pytest.mark.parametrize(
    "insert", [insert_after, insert_before], ids=["insert_after", "insert_before"]
)
def test_a_missing_anchor_is_an_error_and_not_a_lost_line(insert):
    with pytest.raises(GeneratorError, match="'## Gone' is missing"):
        insert("## Here\n", "## Gone", "a line\n")
