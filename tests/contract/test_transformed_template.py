"""The template as CloudFormation gets it keeps the rules of the services, for every profile.

Each rule is shown to fail on a template that breaks it.
"""

from __future__ import annotations

import copy
from functools import cache

import pytest

from tools import config_use, deployable
from tools.deployable import (
    ACCOUNT_WIDE,
    INLINE_POLICY_BYTES_MAX,
    REGION,
    RESOURCES_MAX,
    RULES,
    STACK_NAME,
    STACK_WIDE,
    alarms_have_actions,
    at_most_one_index_changes,
    deployments,
    inline_policies_fit,
    missing_invocations_have_alarms,
    names_are_unique,
    no_managed_policies,
    of_type,
    resources_fit,
    routes_end_in_time,
    variables_are_given,
)
from tools.template import functions

stacks = cache(deployable.stacks)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("stack", deployments())
def test_every_profile_follows_the_rule(stack, rule):
    assert rule(stacks()[stack]) == []


def with_page():
    return copy.deepcopy(stacks()["prod with the page"])


def test_a_managed_policy_breaks_the_rule():
    resources = with_page()
    resources["LoginFunctionRole"]["Properties"]["ManagedPolicyArns"] = [
        "arn:aws:iam::aws:policy/A"
    ]
    resources["Extra"] = {"Type": "AWS::IAM::ManagedPolicy"}
    assert no_managed_policies(resources) == [
        "Extra is a managed policy",
        "LoginFunctionRole has 1 managed policies",
    ]


def test_a_role_with_too_many_statements_breaks_the_rule():
    resources = with_page()
    (policy,) = resources["LoginFunctionRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    while not (found := inline_policies_fit(resources)):
        statements.append(statements[1])
    assert found[0].startswith("LoginFunctionRole has 10")


def test_separate_policy_counts_for_its_roles():
    resources = with_page()
    resources["Extra"] = {
        "Type": "AWS::IAM::Policy",
        "Properties": {
            "Roles": [f"{STACK_NAME}-GetMeFunctionRole"],
            "PolicyDocument": {"Statement": ["x" * INLINE_POLICY_BYTES_MAX]},
        },
    }
    (found,) = inline_policies_fit(resources)
    assert found.startswith("GetMeFunctionRole has ")


def test_every_role_leaves_a_third_of_the_quota(monkeypatch):
    monkeypatch.setattr(deployable, "INLINE_POLICY_BYTES_MAX", INLINE_POLICY_BYTES_MAX * 2 // 3)
    assert inline_policies_fit(with_page()) == []


def test_too_many_resources_break_the_rule():
    resources = with_page()
    resources |= {f"Extra{n}": {"Type": "Custom::Extra"} for n in range(RESOURCES_MAX)}
    assert resources_fit(resources) == [f"{len(resources)} resources of {RESOURCES_MAX}"]


@pytest.mark.parametrize(("kind", "path"), [*STACK_WIDE.items(), *ACCOUNT_WIDE.items()])
def test_a_name_without_the_stack_breaks_the_rule(kind, path):
    (found,) = names_are_unique({"Extra": named(kind, path, f"latchkey-{REGION}")})
    assert found.endswith("lacks the stack's name")


@pytest.mark.parametrize(("kind", "path"), ACCOUNT_WIDE.items())
def test_a_name_without_the_region_breaks_the_rule_where_regions_share_names(kind, path):
    (found,) = names_are_unique({"Extra": named(kind, path, f"{STACK_NAME}-x")})
    assert found.endswith("lacks the region")
    assert names_are_unique({"Extra": named(kind, path, f"{STACK_NAME}-{REGION}-x")}) == []


def named(kind, path, name):
    properties = name
    for key in reversed(path):
        properties = {key: properties}
    return {"Type": kind, "Properties": properties}


def test_template_has_names_to_check():
    named_kinds = {r["Type"] for r in with_page().values()} & set(ACCOUNT_WIDE)
    assert len(named_kinds) >= 5


@pytest.mark.parametrize("change", [{"AlarmActions": []}, {"ActionsEnabled": False}])
def test_alarm_without_an_action_breaks_the_rule(change):
    resources = with_page()
    resources["ChainAuditAlarm"]["Properties"] |= change
    assert alarms_have_actions(resources) == ["ChainAuditAlarm has no action"]


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        ("CleanupFunction", "schedule"),
        ("ChainAuditFunction", "stream"),
        ("RecordRequestsFunction", "log"),
    ],
)
def test_a_function_without_a_heartbeat_breaks_the_rule(function, kind):
    resources = with_page()
    name = f"{STACK_NAME}-{function}"
    for alarm in of_type(resources, "AWS::CloudWatch::Alarm").values():
        if name in str(alarm.get("Dimensions")) and alarm["TreatMissingData"] == "breaching":
            alarm["TreatMissingData"] = "notBreaching"
    expected = [f"{name} has no alarm for missing invocations"]
    assert missing_invocations_have_alarms(resources) == expected, kind


@pytest.mark.parametrize(
    ("function", "timeout"),
    [("GetMeFunction", 20), ("LoginFunction", 30), ("UpdateMeFunction", 20)],
)
def test_a_route_that_takes_too_long_breaks_the_rule(function, timeout):
    resources = with_page()
    resources[function]["Properties"]["Timeout"] = timeout
    seconds = timeout if function == "LoginFunction" else timeout + 10
    assert routes_end_in_time(resources) == [
        f"{STACK_NAME}-{function} may take {seconds} s with its authorizer"
    ]


def test_a_slower_authorizer_breaks_the_rule():
    resources = with_page()
    resources["AuthorizerFunction"]["Properties"]["Timeout"] = 28
    assert len(routes_end_in_time(resources)) > 30


@pytest.mark.parametrize(
    ("function", "variable"),
    [
        ("GetHealthFunction", "TABLE_NAME"),  # without it nothing starts
        ("RecordRequestsFunction", "REQUEST_RETENTION_DAYS"),  # the code has a default
        ("SendMailFunction", "LINK_BASE"),
        ("CleanupFunction", "QUEUE_URL_EXPORT"),
        ("SendMailFunction", "QUEUE_URL_MAIL"),
        ("AnchorAuditFunction", "AUDIT_KMS_KEY"),
        ("UpdateMeFunction", "MEDIA_BUCKET"),
        ("GetMeFunction", "EDGE_SECRET"),
    ],
)
def test_a_variable_that_a_function_lacks_breaks_the_rule(function, variable):
    resources = with_page()
    del resources[function]["Properties"]["Environment"]["Variables"][variable]
    assert variables_are_given(resources) == [f"{function} lacks {variable}"]


def test_a_function_needs_the_variables_of_the_parts_it_uses_and_no_others():
    assert config_use.variables_of("get_health") < config_use.variables_of("get_me")
    assert "MAIL_SENDER" in config_use.variables_of("send_mail")
    assert "MAIL_SENDER" not in config_use.variables_of("login")
    assert "SESSION_LIMIT" in config_use.variables_of("login")
    assert {"TABLE_NAME", "ISSUER", "OPERATION"} <= config_use.required()
    assert "EDGE_SECRET" not in config_use.required()


def test_every_function_uses_its_own_variables():
    own = {
        name: set(properties.get("Environment", {}).get("Variables", {}))
        for name, properties in functions().items()
    }
    unused = {
        name: extra
        for name, given in own.items()
        if (
            extra := {variable for variable in given if not variable.startswith("QUEUE_URL_")}
            - config_use.required()
            - config_use.variables_of(deployable.folder(functions()[name]))
            - {"RELEASE"}  # Lambda publishes a version because it changes (ADR 13)
        )
    }
    assert unused == {}


def indexes(resources):
    return resources["Table"]["Properties"]["GlobalSecondaryIndexes"]


def test_one_index_may_change_in_a_release():
    added, removed = with_page(), with_page()
    indexes(added).append({**indexes(added)[0], "IndexName": "gsi9"})
    del indexes(removed)[0]
    assert at_most_one_index_changes(added) == at_most_one_index_changes(removed) == []


def test_two_index_changes_break_the_rule():
    resources = with_page()
    first = indexes(resources)[0]
    indexes(resources)[:] = [{**first, "IndexName": "gsi9"}, *indexes(resources)[1:]]
    assert at_most_one_index_changes(resources) == [
        "Table has 2 changes of indexes: release them one by one"
    ]


def test_redefined_index_breaks_the_rule():
    resources = with_page()
    indexes(resources)[0]["Projection"] = {"ProjectionType": "ALL"}
    assert "Table has 2 changes" in at_most_one_index_changes(resources)[0]


@pytest.mark.parametrize("gone", [True, False])
def test_a_table_that_would_be_replaced_breaks_the_rule(gone):
    resources = with_page()
    if gone:
        del resources["AuditTable"]
    else:
        resources["AuditTable"]["Properties"]["KeySchema"].pop()
    expected = ["AuditTable would be replaced, and its items are lost"]
    assert at_most_one_index_changes(resources) == expected
