"""template.yaml is what the files of template/ say."""

from __future__ import annotations

import json

import pytest
import yaml

from tools.assemble import AREAS, SOURCES, SourceError, as_yaml, assembled, main, read, source
from tools.template import Loader

LINE_CHARACTERS_MAX = 120
FILE_LINES_MAX = 300


def changed(area, *changes):
    text = source(area).read_text()
    for old, new in changes:
        assert text.count(old) == 1, f"{area}.yaml has {old!r} {text.count(old)} times"
        text = text.replace(old, new)
    return {area: text}


def refused(area, *changes):
    with pytest.raises(SourceError) as error:
        assembled(changed(area, *changes))
    return str(error.value)


# The sources -------------------------------------------------------------------------------------


def test_every_file_is_an_area():
    assert {path.name for path in SOURCES.iterdir()} == {f"{area}.yaml" for area in AREAS}


def test_the_sources_are_short():
    lines = {area: source(area).read_text().splitlines() for area in AREAS}
    long = [line for each in lines.values() for line in each if len(line) > LINE_CHARACTERS_MAX]
    assert long == []
    assert {area: len(each) for area, each in lines.items() if len(each) > FILE_LINES_MAX} == {}


@pytest.mark.parametrize("area", AREAS)
def test_every_file_says_what_it_has(area):
    assert source(area).read_text().startswith("# ")


# What is written ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def template():
    return assembled()


def test_the_text_is_the_template(template):
    text = as_yaml(template)
    assert yaml.load(text, Loader=Loader) == template  # noqa: S506 - a SafeLoader
    assert "!Every" not in text
    assert "!Json" not in text


def test_cloudformation_reads_the_text(template):
    """It reads neither anchors nor merges."""
    tokens = {type(token) for token in yaml.scan(as_yaml(template))}
    assert not tokens & {yaml.AnchorToken, yaml.AliasToken}
    assert "<<" not in json.dumps(template)


def test_check_says_that_the_template_is_stale(tmp_path, monkeypatch, capsys):
    stale = tmp_path / "template.yaml"
    stale.write_text("Resources: {}\n")
    monkeypatch.setattr("tools.assemble.TARGET", stale)
    assert main(["--check"]) == 1
    assert "run make template" in capsys.readouterr().err
    assert main([]) == 0
    assert main(["--check"]) == 0


# The short forms ---------------------------------------------------------------------------------


def test_a_function_has_a_role_of_its_own_with_its_grants(template):
    function = template["Resources"]["RevokeSessionFunction"]
    assert function == {
        "Type": "AWS::Serverless::Function",
        "Properties": {
            "CodeUri": "functions/revoke_session",
            "Role": {"Fn::GetAtt": "RevokeSessionFunctionRole.Arn"},
            "Environment": {"Variables": {"OPERATION": "revoke_session"}},
            "Events": {
                "Route": {
                    "Type": "HttpApi",
                    "Properties": {
                        "ApiId": {"Ref": "Api"},
                        "Method": "DELETE",
                        "Path": "/api/v1/users/me/sessions/{session_id}",
                    },
                }
            },
        },
    }
    (policy,) = template["Resources"]["RevokeSessionFunctionRole"]["Properties"]["Policies"]
    statements = policy["PolicyDocument"]["Statement"]
    assert [statement["Effect"] for statement in statements] == ["Allow"] * 4
    assert statements[0]["Resource"] == {"Fn::GetAtt": "LogGroup.Arn"}
    assert statements[1] == {
        "Effect": "Allow",
        "Action": "dynamodb:GetItem",
        "Resource": {"Fn::GetAtt": "Table.Arn"},
        "Condition": {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ACCOUNT#*"]},
            "Null": {"dynamodb:LeadingKeys": "false"},
        },
    }


def test_only_public_and_signed_routes_have_no_authorizer(template):
    resources = template["Resources"]
    public = {
        name
        for name, resource in resources.items()
        for event in resource.get("Properties", {}).get("Events", {}).values()
        if isinstance(event, dict) and event["Properties"].get("Auth")
    }
    written = {
        f"{''.join(word.title() for word in name.split('_'))}Function"
        for area in AREAS
        for name, function in read(area).get("Functions", {}).items()
        if {"PublicRoute", "SignedRoute"} & function.keys()
    }
    assert written
    assert public == written


def test_a_gradual_function_answers_through_an_alias(template):
    login, logout = (
        template["Resources"][f"{name}Function"]["Properties"] for name in ("Login", "Logout")
    )
    assert login["AutoPublishAlias"] == "live"
    assert login["Environment"]["Variables"]["RELEASE"] == {"Ref": "Release"}
    assert "AutoPublishAlias" not in logout
    assert "RELEASE" not in logout["Environment"]["Variables"]


def test_every_bucket_is_private_and_refuses_plain_http(template):
    resources = template["Resources"]
    buckets = {name for name, one in resources.items() if one["Type"] == "AWS::S3::Bucket"}
    assert buckets == {name for area in AREAS for name in read(area).get("Buckets", {})}
    for name in buckets:
        blocked = resources[name]["Properties"]["PublicAccessBlockConfiguration"]
        assert set(blocked.values()) == {True}
        first, *_ = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert first == {
            "Sid": "OnlyTls",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [{"Fn::GetAtt": f"{name}.Arn"}, {"Fn::Sub": f"${{{name}.Arn}}/*"}],
            "Condition": {"Bool": {"aws:SecureTransport": False}},
        }
    assert "DeletionPolicy" not in resources["PageBucket"]
    assert resources["ExportBucket"]["DeletionPolicy"] == "RetainExceptOnCreate"


def test_every_queue_is_encrypted_and_names_its_dead_letters(template):
    resources = template["Resources"]
    queues = {name: one for name, one in resources.items() if one["Type"] == "AWS::SQS::Queue"}
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues.values())
    assert queues["MailQueue"]["Properties"]["RedrivePolicy"] == {
        "deadLetterTargetArn": {"Fn::GetAtt": "MailDeadLetters.Arn"},
        "maxReceiveCount": 5,
    }


def test_value_of_a_profile_can_be_replaced_by_a_parameter(template):
    assert template["Resources"]["LogGroup"]["Properties"]["RetentionInDays"] == {
        "Fn::If": [
            "GivesLogRetentionDays",
            {"Ref": "LogRetentionDays"},
            {"Fn::FindInMap": ["Profiles", {"Ref": "Profile"}, "LogRetentionDays"]},
        ]
    }


def test_parameters_of_a_statement_are_arns(template):
    (policy,) = template["Resources"]["GetJwksFunctionRole"]["Properties"]["Policies"]
    (_, statement) = policy["PolicyDocument"]["Statement"]
    assert statement["Resource"]["Fn::Sub"].endswith(
        ":parameter/latchkey/${AWS::StackName}/public-keys"
    )


def test_an_alarm_reports_and_measures_its_function(template):
    alarm = template["Resources"]["AnchorAuditAlarm"]["Properties"]
    assert alarm["Dimensions"] == [
        {"Name": "FunctionName", "Value": {"Ref": "AnchorAuditFunction"}}
    ]
    assert alarm["AlarmActions"] == alarm["OKActions"] != []
    assert alarm["EvaluationPeriods"] == 3


# What is wrong -----------------------------------------------------------------------------------


def test_an_unknown_grant_is_refused():
    message = refused(
        "sessions", ("    Grants: [QueryAccountItems]\n", "    Grants: [QueryAccounts]\n")
    )
    assert message == "list_sessions: no statement of template/grants.yaml is named QueryAccounts"


def test_a_statement_that_no_function_has_is_refused():
    message = refused(
        "grants", ("  WriteLog:", "  ReadAll: { Action: s3:*, Resource: x }\n  WriteLog:")
    )
    assert message == "template/grants.yaml: no function has ReadAll"


def test_a_name_that_is_there_twice_is_refused():
    text = "Functions:\n  login: {}\n  login: {}\n"
    with pytest.raises(SourceError, match=r"^template/links.yaml:3: login appears twice$"):
        read("links", text)
    with pytest.raises(SourceError, match=r"^template/links.yaml: login is already in Functions$"):
        assembled({"links": "Functions: { login: { } }\n"})


def test_a_resource_with_the_name_of_a_function_is_refused():
    message = refused("mail", ("Resources:\n", "Resources:\n  LoginFunctionRole: { Type: x }\n"))
    assert message == "LoginFunctionRole is in Resources and in a short form"


def test_a_section_that_does_not_exist_is_refused():
    with pytest.raises(SourceError, match=r"^template/links.yaml: there is no section Function$"):
        read("links", "Function: {}\n")


def test_yaml_that_does_not_parse_is_refused():
    with pytest.raises(SourceError, match=r"^template/links.yaml: "):
        read("links", "Functions: {\n")
