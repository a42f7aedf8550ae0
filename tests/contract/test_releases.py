"""A release of the functions of every session is gradual, watched, and complete."""

from __future__ import annotations

import copy
import json
import re

import pytest

from tools import template, transformed
from tools.operations import folders

GRADUAL = ("Authorizer", "ServiceAuthorizer", "Login", "Refresh", "GetMe", "ListSessions")
GIVEN = {"MailSender": "accounts@example.com", "Profile": "prod"}


@pytest.fixture(scope="module")
def at_once():
    return transformed.transformed(GIVEN)[0]


@pytest.fixture(scope="module")
def gradual():
    return transformed.transformed({**GIVEN, "GradualReleases": "true"})[0]


def of_type(made, kind):
    return {name: r for name, r in made["Resources"].items() if r["Type"] == kind}


def names_in(value):
    """Name every resource that a piece of template refers to."""
    text = json.dumps(value)
    found = re.findall(r'"Ref": "(\w+)"|"Fn::GetAtt": \[?"(\w+)|\$\{(\w+)[.}]', text)
    return {name for names in found for name in names if name}


def versions(made):
    return {name for name in made["Resources"] if re.fullmatch(r"\w+FunctionVersion\w{10}", name)}


@pytest.mark.parametrize("name", GRADUAL)
def test_a_new_version_gets_a_tenth_of_the_requests_and_an_alarm_rolls_it_back(gradual, name):
    resources = gradual["Resources"]
    alias = resources[f"{name}FunctionAliaslive"]
    group = resources[f"{name}FunctionDeploymentGroup"]["Properties"]
    update = alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"]
    assert update["DeploymentGroupName"] == {"Ref": f"{name}FunctionDeploymentGroup"}
    assert "Canary10Percent10Minutes" in json.dumps(group["DeploymentConfigName"])
    alarms = {"Enabled": True, "Alarms": [{"Name": {"Ref": "ReleaseAlarm"}}]}
    assert group["AlarmConfiguration"] == {"Fn::If": ["IsOnAws", alarms, {}]}
    assert "DEPLOYMENT_STOP_ON_ALARM" in group["AutoRollbackConfiguration"]["Events"]


def test_without_gradual_releases_there_is_no_codedeploy(at_once):
    """As in a development account, and in the emulator, which has none."""
    kinds = {resource["Type"] for resource in at_once["Resources"].values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::CodeDeploy")]
    assert len(of_type(at_once, "AWS::Lambda::Alias")) == len(GRADUAL)
    assert all("UpdatePolicy" not in a for a in of_type(at_once, "AWS::Lambda::Alias").values())


def test_every_request_goes_to_the_alias(gradual):
    body = gradual["Resources"]["Api"]["Properties"]["Body"]
    integrated = {
        name
        for operations in body["paths"].values()
        for operation in operations.values()
        for name in names_in(operation["x-amazon-apigateway-integration"]["uri"])
    }
    scheme = body["components"]["securitySchemes"]["SessionAuthorizer"]
    authorizer = names_in(scheme["x-amazon-apigateway-authorizer"]["authorizerUri"])
    for name in GRADUAL[2:]:
        assert f"{name}FunctionAliaslive" in integrated
        assert f"{name}Function" not in integrated
    assert "AuthorizerFunctionAliaslive" in authorizer
    assert gradual["Outputs"]["ServiceAuthorizerArn"]["Value"] == {
        "Ref": "ServiceAuthorizerFunctionAliaslive"
    }


def test_invokers_may_invoke_the_alias(gradual):
    permitted = [
        permission["Properties"]["FunctionName"]
        for permission in of_type(gradual, "AWS::Lambda::Permission").values()
    ]
    for name in ("Authorizer", *GRADUAL[2:]):
        assert {"Ref": f"{name}FunctionAliaslive"} in permitted
        assert {"Ref": f"{name}Function"} not in permitted


def test_only_the_api_invokes_aliases(gradual):
    """Schedules, queues and streams invoke $LATEST, where a version of before would be wrong."""
    others = {
        name
        for kind in (
            "AWS::Lambda::EventSourceMapping",
            "AWS::Events::Rule",
            "AWS::Logs::SubscriptionFilter",
        )
        for resource in of_type(gradual, kind).values()
        for name in names_in(resource["Properties"])
    }
    assert "CleanupFunction" in others
    assert not [name for name in others if "Alias" in name]
    assert others.isdisjoint(f"{name}Function" for name in GRADUAL)


def test_codedeploy_may_shift_these_aliases_and_do_nothing_else(gradual):
    role = gradual["Resources"]["ReleaseRole"]["Properties"]
    (policy,) = role["Policies"]
    shift, look = policy["PolicyDocument"]["Statement"]
    actions = {"lambda:GetAlias", "lambda:GetProvisionedConcurrencyConfig", "lambda:UpdateAlias"}
    assert set(shift["Action"]) == actions
    assert names_in(shift["Resource"]) == {f"{name}Function" for name in GRADUAL}
    assert look["Action"] == "cloudwatch:DescribeAlarms"
    groups = of_type(gradual, "AWS::CodeDeploy::DeploymentGroup").values()
    for group in groups:
        condition, role, _ = group["Properties"]["ServiceRoleArn"]["Fn::If"]
        assert (condition, names_in(role)) == ("ReleasesGradually", {"ReleaseRole"})
    assert "CodeDeployServiceRole" not in gradual["Resources"]


def test_alarm_has_no_circular_dependency(gradual):
    """CloudFormation refuses a circle: API, alias, its release, the alarm, and the API again."""
    seen, todo = set(), {"ReleaseAlarm"}
    while todo:
        name = todo.pop()
        seen.add(name)
        resource = gradual["Resources"].get(name, {})
        todo |= names_in(resource) - seen
    assert "LoginFunction" in seen
    assert not [name for name in seen if name == "Api" or "Alias" in name or "Deployment" in name]


def test_alarm_watches_the_gradually_released_functions():
    metrics = template.load()["Resources"]["ReleaseAlarm"]["Properties"]["Metrics"]
    measured = [each["MetricStat"]["Metric"] for each in metrics if "MetricStat" in each]
    of_functions = {
        dimension["Value"]["Ref"]
        for metric in measured
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "FunctionName"
    }
    operations = {
        dimension["Value"]
        for metric in measured
        for dimension in metric["Dimensions"]
        if dimension["Name"] == "operation"
    }
    assert of_functions == {f"{name}Function" for name in GRADUAL}
    assert operations == {"login", "refresh", "get_me", "list_sessions"} <= set(folders())
    expression = metrics[0]["Expression"]
    assert all(f"FILL({each['Id']}, 0)" in expression for each in metrics[1:])
    assert len(measured) <= 10  # CloudWatch's limit for metric math


# What makes a new version ------------------------------------------------------------------------


def changed(monkeypatch, change, **parameters):
    made = copy.deepcopy(template.load())
    change(made)
    monkeypatch.setattr(transformed, "load", lambda: made)
    return transformed.transformed({**GIVEN, **parameters})[0]


def test_change_of_the_layer_makes_new_versions(monkeypatch, at_once):
    after = changed(
        monkeypatch,
        lambda made: made["Resources"]["SharedLayer"]["Properties"].update(Description="new"),
    )
    assert versions(after).isdisjoint(versions(at_once))


def test_change_of_a_property_makes_a_new_version(monkeypatch, at_once):
    after = changed(
        monkeypatch,
        lambda made: made["Resources"]["LoginFunction"]["Properties"].update(MemorySize=3008),
    )
    assert {name[:13] for name in versions(after) - versions(at_once)} == {"LoginFunction"}


@pytest.mark.parametrize("name", GRADUAL)
def test_change_of_a_parameter_makes_a_new_version(at_once, name):
    """SAM compares text, in which `!Ref KeyEpoch` is the same at any value.

    The description is CloudFormation's to fill in, and another one replaces the version. Lambda
    publishes no version of a function that has not changed, so both are in its environment, too.
    """
    (version,) = [
        resource
        for resource in of_type(at_once, "AWS::Lambda::Version").values()
        if resource["Properties"]["FunctionName"] == {"Ref": f"{name}Function"}
    ]
    described = names_in(version["Properties"]["Description"])
    variables = at_once["Resources"][f"{name}Function"]["Properties"]["Environment"]["Variables"]
    assert described == {"Release", "KeyEpoch"}
    assert {
        "RELEASE": {"Ref": "Release"},
        "KEY_EPOCH": {"Ref": "KeyEpoch"},
    }.items() <= variables.items()
