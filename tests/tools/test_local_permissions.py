"""The local stack grants what the template grants: translations add nothing."""

from __future__ import annotations

import pytest
import yaml

from tests.support.grants import role_statements
from tests.support.iam import as_list
from tools.local.permissions import translate, translations
from tools.template import functions

SEND = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": "arn:aws:sqs:::a"}
MAIL = {
    "Effect": "Allow",
    "Action": "ses:SendEmail",
    "Resource": ["arn:aws:ses:::identity/*"],
    "Condition": {"StringEquals": {"ses:FromAddress": "a@b.example"}},
}


def keyed(**also):
    keys = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACCOUNT#*"]},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    return {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": "t",
        "Condition": keys | also,
    }


def test_batch_action_is_granted_with_the_single_action():
    batch = {**SEND, "Action": ["sqs:SendMessage", "sqs:SendMessageBatch"]}
    assert translations([SEND]) == [batch]


def test_email_action_is_granted_on_the_resource_of_ministack():
    assert translations([MAIL]) == [{"Effect": "Allow", "Action": "ses:SendEmail", "Resource": "*"}]


def test_only_conditions_on_leading_keys_are_removed():
    kept = {"Bool": {"aws:SecureTransport": "true"}}
    plain = {"Effect": "Allow", "Action": "dynamodb:GetItem", "Resource": "t"}
    assert translations([keyed()]) == [plain]
    assert translations([keyed(**kept)]) == [{**plain, "Condition": kept}]


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_other_statements_are_unchanged(effect):
    statement = {"Effect": effect, "Action": ["s3:GetObject"], "Resource": "arn:aws:s3:::b/*"}
    assert translations([statement]) == [statement]


def test_both_sides_of_a_condition_are_translated():
    either = {"Fn::If": ["HasAuditKmsKey", SEND, {"Ref": "AWS::NoValue"}]}
    (translated,) = translations([either])
    assert translated == {
        "Fn::If": ["HasAuditKmsKey", *translations([SEND]), {"Ref": "AWS::NoValue"}]
    }


def test_the_built_template_is_translated_and_stays_the_same_otherwise(tmp_path):
    policy = {"PolicyName": "Grants", "PolicyDocument": {"Statement": [keyed(), SEND]}}
    role = {"Type": "AWS::IAM::Role", "Properties": {"Policies": [policy]}}
    other = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "AWS::StackName"}}}
    built, translated = tmp_path / "built.yaml", tmp_path / "translated.yaml"
    built.write_text(yaml.safe_dump({"Resources": {"Role": role, "Other": other}}))
    translate(built, translated)
    policy["PolicyDocument"]["Statement"] = translations([keyed(), SEND])
    assert yaml.safe_load(translated.read_text()) == {"Resources": {"Role": role, "Other": other}}


@pytest.mark.parametrize("function", functions())
def test_no_role_gets_an_action_or_a_resource_that_the_template_does_not_grant(function):
    added = granted(translations(role_statements(function))) - granted(role_statements(function))
    for action, resource in added:
        # The two differences of MiniStack, each beside what AWS asks for.
        if action == "sqs:SendMessageBatch":
            assert ("sqs:SendMessage", resource) in granted(role_statements(function))
        else:
            assert (function, action, resource) == ("SendMailFunction", "ses:SendEmail", "*")


def granted(statements):
    return {
        (action, resource)
        for statement in statements
        for action in as_list(statement["Action"])
        for resource in as_list(statement["Resource"])
    }
