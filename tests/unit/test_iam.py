"""The policy evaluator decides as IAM documents it: "Policy evaluation logic"."""

from __future__ import annotations

import pytest

from tests.support.iam import allows

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/t"
KEYS = "dynamodb:LeadingKeys"


def grant(**also):
    return {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": TABLE, **also}


def get_item(*statements, keys=None):
    context = {} if keys is None else {KEYS: keys}
    return allows(statements, "dynamodb:GetItem", TABLE, context)


def under(condition, values):
    context = {} if values is None else {"aws:Key": values}
    return allows([grant(Condition=condition)], "dynamodb:GetItem", TABLE, context)


def test_default_is_deny():
    assert not allows([], "dynamodb:GetItem", TABLE, {})
    assert get_item(grant())
    assert not get_item(grant(Action="dynamodb:PutItem"))


def test_explicit_deny_overrides_allow():
    denial = grant(Effect="Deny", Action="dynamodb:*")
    assert not get_item(grant(), denial)
    assert not get_item(denial, grant())
    assert get_item(grant(), grant(Effect="Deny", Action="dynamodb:PutItem"))


@pytest.mark.parametrize(
    ("pattern", "action", "is_meant"),
    [
        ("dynamodb:getitem", "dynamodb:GetItem", True),  # actions have no case
        ("dynamodb:Get*", "dynamodb:GetItem", True),
        ("dynamodb:GetIte?", "dynamodb:GetItem", True),
        ("dynamodb:GetItem?", "dynamodb:GetItem", False),
        ("dynamodb:GetItem", "dynamodb:GetItems", False),
        ("dynamodb.GetItem", "dynamodb:GetItem", False),
        ("*", "s3:GetObject", True),
        ("s3:[G]etObject", "s3:GetObject", False),
    ],
)
def test_actions_have_wildcards_and_ignore_case(pattern, action, is_meant):
    assert allows([grant(Action=pattern)], action, TABLE, {}) == is_meant


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [
        (TABLE, True),
        (TABLE.upper(), False),  # resources have
        (f"{TABLE}/index/*", False),
        ("arn:aws:dynamodb:*:*:table/?", True),
        ("*", True),
        (TABLE.replace("eu-west-1", "eu-west-2"), False),
        (TABLE.replace("123456789012", "210987654321"), False),
        (TABLE.replace("arn:aws:", "arn:aws-cn:"), False),
        ([TABLE + "2", TABLE], True),
    ],
)
def test_resources_match_complete_arns(pattern, is_meant):
    assert get_item(grant(Resource=pattern)) == is_meant


@pytest.mark.parametrize(
    ("operator", "expected", "actual", "holds"),
    [
        ("StringEquals", "a", ["a"], True),
        ("StringEquals", ["b", "a"], ["a"], True),
        ("StringEquals", "a", ["A"], False),
        ("StringEquals", "a*", ["ab"], False),
        ("StringEquals", "a", None, False),
        ("StringEqualsIfExists", "a", None, True),
        ("StringEqualsIfExists", "a", ["b"], False),
        ("StringNotEquals", ["a", "b"], ["c"], True),
        ("StringNotEquals", ["a", "b"], ["a"], False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "a*", ["ab"], True),
        ("StringLike", "a?", ["a"], False),
        ("StringLike", "a*", None, False),
        ("StringNotLike", "a*", ["b"], True),
        ("StringNotLike", "a*", None, True),
        ("ArnEquals", "arn:aws:iam::1:role/*", ["arn:aws:iam::1:role/a"], True),
        ("ArnLike", "arn:aws:iam::*:role/a", ["arn:aws:iam::1:user/x:role/a"], False),
        ("ArnNotEquals", "arn:aws:iam::1:role/a", ["arn:aws:iam::1:role/b"], True),
        ("ArnNotEquals", "arn:aws:iam::1:role/a", None, True),
        ("Bool", "true", ["true"], True),
        ("Bool", True, ["true"], True),
        ("Bool", "false", ["true"], False),
        ("Bool", "false", None, False),
        ("Null", "true", None, True),
        ("Null", "true", ["a"], False),
        ("Null", "false", ["a"], True),
        ("Null", "false", None, False),
    ],
)
def test_a_condition_compares_one_value(operator, expected, actual, holds):
    assert under({operator: {"aws:Key": expected}}, actual) == holds


@pytest.mark.parametrize(
    ("operator", "actual", "holds"),
    [
        ("ForAllValues:StringLike", ["a1", "a2"], True),
        ("ForAllValues:StringLike", ["a1", "b"], False),
        ("ForAllValues:StringLike", None, True),
        ("ForAllValues:StringLike", [], True),
        ("ForAllValues:StringNotLike", ["b", "c"], True),
        ("ForAllValues:StringNotLike", ["b", "a1"], False),
        ("ForAnyValue:StringLike", ["b", "a1"], True),
        ("ForAnyValue:StringLike", ["b"], False),
        ("ForAnyValue:StringLike", None, False),
    ],
)
def test_a_condition_compares_many_values(operator, actual, holds):
    assert under({operator: {"aws:Key": ["a*"]}}, actual) == holds


def test_every_condition_has_to_hold():
    both = {"StringLike": {"aws:Key": "a*"}, "StringNotEquals": {"aws:Key": "ab"}}
    assert under(both, ["ac"])
    assert not under(both, ["ab"])
    assert not under(both, ["b"])


def test_condition_keys_ignore_case():
    assert under({"StringEquals": {"AWS:key": "a"}}, ["a"])


def test_null_condition_refuses_a_request_without_keys():
    keys = {"ForAllValues:StringLike": {KEYS: ["A#*"]}}
    guarded = {**keys, "Null": {KEYS: "false"}}
    assert get_item(grant(Condition=keys))
    assert not get_item(grant(Condition=guarded))
    assert get_item(grant(Condition=guarded), keys=["A#1"])
    assert not get_item(grant(Condition=guarded), keys=["A#1", "B#1"])


@pytest.mark.parametrize(
    "statement",
    [
        {"Effect": "Allow", "NotAction": "a:b", "Resource": "*"},
        {"Effect": "Allow", "Action": "a:b", "NotResource": "*"},
        grant(Principal="*"),
        grant(Condition={"NumericEquals": {"aws:Key": "1"}}),
        grant(Condition={"ForSomeValues:StringEquals": {"aws:Key": "1"}}),
        grant(Condition={"StringEquals": {"aws:Key": "${aws:username}"}}),
        grant(Resource="arn:aws:s3:::${aws:username}"),
    ],
)
def test_unknown_policy_element_raises(statement):
    with pytest.raises(NotImplementedError):
        allows([statement], "dynamodb:GetItem", TABLE, {"aws:Key": ["1"]})
