"""A parameter of the template is in every place that a parameter belongs in.

A function that lacks a variable that it reads breaks a rule of `tools/deployable.py`
(`variables_are_given`); these tests are about the rest.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter

import pytest

from tools import config_use
from tools.deployable import variables_are_given
from tools.operations import folders
from tools.template import ROOT, functions, load

PARAMETERS = sorted(load()["Parameters"])
NOT_OF_CONFIG = {
    "LOG_LEVEL": "Powertools reads it",
    "POWERTOOLS_METRICS_NAMESPACE": "Powertools reads it",
    "POWERTOOLS_SERVICE_NAME": "Powertools reads it",
    "RELEASE": "changes the properties, so that SAM publishes a version",
}
"""Variables that `config.py` does not read, and why they are set."""


def groups():
    return load()["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]


def global_variables():
    return set(load()["Globals"]["Function"]["Environment"]["Variables"])


def own_variables():
    return {
        name: set(properties.get("Environment", {}).get("Variables", {}))
        for name, properties in functions().items()
    }


def test_every_parameter_is_in_one_group_of_the_console():
    grouped = Counter(name for group in groups() for name in group["Parameters"])
    missing = set(PARAMETERS) - set(grouped)
    assert not missing, "add it to a group of template/parameters.yaml"
    assert set(grouped) == set(PARAMETERS)
    assert [name for name, times in grouped.items() if times > 1] == []
    labels = [group["Label"]["default"] for group in groups()]
    assert len(set(labels)) == len(labels)


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_describes_itself(name):
    assert load()["Parameters"][name].get("Description"), "what does a deployer choose here?"


@pytest.mark.parametrize("name", PARAMETERS)
def test_every_parameter_is_used(name):
    text = (ROOT / "template.yaml").read_text().partition("\nMappings:")[2]
    assert re.search(rf"(!Ref |\$\{{){name}\b", text), "nothing refers to it"


def test_samconfig_names_only_parameters_that_exist():
    config = tomllib.loads((ROOT / "samconfig.toml").read_text())
    given = {
        pair.partition("=")[0]
        for environment in config.values()
        if isinstance(environment, dict)
        for pair in environment.get("deploy", {})
        .get("parameters", {})
        .get("parameter_overrides", [])
    }
    assert "Profile" in given
    assert given <= set(PARAMETERS)


def test_the_template_sets_every_variable_that_the_code_reads():
    """Also those with a default in the code: else a deployer could not choose."""
    given = global_variables().union(*own_variables().values())
    missing = config_use.known() - given
    assert not missing, "add it to Globals in template/shared.yaml, or to the functions that use it"


def test_the_code_reads_every_variable_that_the_template_sets():
    given = global_variables().union(*own_variables().values())
    queues = {name for name in given if name.startswith("QUEUE_URL_")}
    assert given - queues - NOT_OF_CONFIG.keys() == config_use.known()
    assert NOT_OF_CONFIG.keys() <= given


def test_a_function_uses_every_variable_that_config_reads():
    used = frozenset({"OPERATION"}).union(*map(config_use.variables_of, folders()))
    assert config_use.known() - used == set(), "give it to a flow, in wiring/, as config.…"


def test_a_variable_that_only_the_code_knows_breaks_the_rule(monkeypatch):
    """A new parameter, forgotten in the template: no function would start."""
    monkeypatch.setattr(
        "tools.deployable.required", lambda: config_use.required() | {"FORGOTTEN_LIMIT"}
    )
    given = dict.fromkeys(config_use.required() | config_use.variables_of("login"), "x")
    login = {"Properties": {"Environment": {"Variables": given}}, "Type": "AWS::Lambda::Function"}
    role = {"Properties": {"Policies": []}, "Type": "AWS::IAM::Role"}
    found = variables_are_given({"LoginFunction": login, "LoginFunctionRole": role})
    assert found == ["LoginFunction lacks FORGOTTEN_LIMIT"]
