"""Profiles: one required parameter, and rules that refuse contradicting values."""

from __future__ import annotations

import json
import subprocess
import tomllib
from typing import Any

import pytest

from tools.profiles import read_profile
from tools.rules import RuleError, broken
from tools.template import ROOT, load

PROFILES = ("dev", "prod", "hipaa")
GOOD = {"MailSender": "accounts@example.com"}
OWN_CDN = {
    "ServePage": "off",
    "PublicUrl": "https://accounts.example.com",
    "EdgeSecret": "a-secret-of-their-own-cdn",
}
CERTIFICATE = "arn:aws:acm:us-east-1:123456789012:certificate/0"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:oncall"
SAM_PYTHON = ROOT / ".tools/sam/bin/python"


def samconfig() -> dict[str, Any]:
    return tomllib.loads((ROOT / "samconfig.toml").read_text())


def written(profile: str) -> dict[str, str]:
    pairs = samconfig()[profile]["deploy"]["parameters"]["parameter_overrides"]
    return dict(pair.split("=", 1) for pair in pairs)


# The profile is one parameter --------------------------------------------------------------------


def test_profile_is_required():
    profile = load()["Parameters"]["Profile"]
    assert "Default" not in profile
    assert set(profile["AllowedValues"]) == set(load()["Mappings"]["Profiles"])


def test_every_profile_sets_the_same_numbers():
    rows = load()["Mappings"]["Profiles"].values()
    assert len({frozenset(row) for row in rows}) == 1


@pytest.mark.parametrize("profile", PROFILES)
def test_samconfig_sets_only_the_profile(profile):
    """SAM replaces these with the command line's, all of them; the stack keeps the rest."""
    assert written(profile) == {"Profile": profile}


def test_every_profile_has_a_stack_of_its_own():
    names = [samconfig()[profile]["global"]["parameters"]["stack_name"] for profile in PROFILES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("name", sorted(load()["Mappings"]["Profiles"]["dev"]))
def test_profile_value_applies_if_the_parameter_is_empty(name):
    reference = {"Ref": name}
    lookup = {"Fn::FindInMap": ["Profiles", {"Ref": "Profile"}, name]}
    used = json.dumps([load()["Conditions"], load()["Globals"], load()["Resources"]])
    assert json.dumps(lookup) in used
    if name in load()["Parameters"]:
        assert load()["Parameters"][name]["Default"] == ""
        chosen = {"Fn::If": [f"Gives{name}", reference, lookup]}
        assert json.dumps(chosen) in used
        # Nothing uses the parameter alone, which may be empty.
        elsewhere = json.dumps([load()["Globals"], load()["Resources"], load()["Outputs"]])
        assert elsewhere.count(json.dumps(reference)) == elsewhere.count(json.dumps(chosen))


# What SAM makes of a command line ----------------------------------------------------------------

MERGE = """
import json, sys
from samcli.commands.deploy.deploy_context import DeployContext
given = json.load(sys.stdin)
print(json.dumps(DeployContext.merge_parameters(given["template"], given["overrides"])))
"""


def test_sam_keeps_values_of_a_running_stack():
    given = {"template": {"Parameters": load()["Parameters"]}, "overrides": {"ServiceName": "x"}}
    done = subprocess.run(  # noqa: S603 - SAM's own code
        [SAM_PYTHON, "-c", MERGE],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    sent = {each.pop("ParameterKey"): each for each in json.loads(done.stdout)}
    assert sent.pop("ServiceName") == {"ParameterValue": "x"}
    assert sent["Profile"] == {"UsePreviousValue": True}
    assert set(map(str, sent.values())) == {str({"UsePreviousValue": True})}


# Rules -------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "no sender": ({"MailSender": ""}, "MailSender is missing"),
    "a domain without a certificate": (
        {"PageDomain": "accounts.example.com"},
        "PageDomain needs PageCertificate",
    ),
    "a certificate without a domain": (
        {"PageCertificate": CERTIFICATE},
        "PageCertificate needs PageDomain",
    ),
    "a served page, and another address": (
        {"PublicUrl": "https://accounts.example.com"},
        "leave PublicUrl out",
    ),
    "no page and no address": ({**OWN_CDN, "PublicUrl": ""}, "ServePage=off needs PublicUrl"),
    "a domain, and no page": (
        {**OWN_CDN, "PageDomain": "accounts.example.com", "PageCertificate": CERTIFICATE},
        "PageDomain needs ServePage=on",
    ),
    "a firewall, and no page": (
        {**OWN_CDN, "WebAclArn": "arn:aws:wafv2:us-east-1:123456789012:global/webacl/a/b"},
        "WebAclArn needs ServePage=on",
    ),
    "a zone without a domain": ({"HostedZoneId": "Z1"}, "HostedZoneId needs PageDomain"),
    "nobody could come in": ({**OWN_CDN, "EdgeSecret": ""}, "DirectAccess=allowed"),
    "hipaa, idle": ({"Profile": "hipaa", "SessionIdleSeconds": "901"}, "SessionIdleSeconds"),
    "hipaa, absolute": (
        {"Profile": "hipaa", "SessionAbsoluteSeconds": "86400"},
        "SessionAbsoluteSeconds",
    ),
    "hipaa, lock": ({"Profile": "hipaa", "AuditLockDays": "0"}, "AuditLockDays"),
    "hipaa, trail": ({"Profile": "hipaa", "AuditRetentionDays": "365"}, "AuditRetentionDays"),
    "hipaa, logs": ({"Profile": "hipaa", "LogRetentionDays": "365"}, "LogRetentionDays"),
    "prod, limits": ({"Profile": "prod", "RateLimitFactor": "100"}, "RateLimitFactor"),
    "a topic and an address": (
        {"AlarmTopicArn": TOPIC, "AlarmEmail": "oncall@example.com"},
        "AlarmEmail and AlarmKmsKey are for the topic that the stack creates",
    ),
    "hipaa, limits": ({"Profile": "hipaa", "RateLimitFactor": "2"}, "RateLimitFactor"),
}
"""Each breaks one assertion, and its sentence says which parameter."""


@pytest.mark.parametrize("profile", PROFILES)
def test_profile_needs_only_a_sender(profile):
    assert broken({**GOOD, **written(profile)}) == {}


@pytest.mark.parametrize("case", REFUSED)
def test_contradicting_parameters_are_refused_with_a_message(case):
    values, sentence = REFUSED[case]
    [messages] = [
        text for texts in broken({"Profile": "dev", **GOOD, **values}).values() for text in texts
    ]
    assert sentence in messages


def test_every_assertion_has_a_failing_case():
    messages = set()
    for values, _ in REFUSED.values():
        for texts in broken({"Profile": "dev", **GOOD, **values}).values():
            messages |= set(texts)
    every = {
        assertion["AssertDescription"]
        for rule in load()["Rules"].values()
        for assertion in rule["Assertions"]
    }
    assert messages == every


@pytest.mark.parametrize(
    "values",
    [
        {"Profile": "hipaa", "SessionIdleSeconds": "600", "AuditLockDays": "3653"},
        {"Profile": "dev", "SessionIdleSeconds": "86400", "RateLimitFactor": "100"},
        {"Profile": "dev", "PageDomain": "accounts.example.com", "PageCertificate": CERTIFICATE},
        {"Profile": "prod", **OWN_CDN},
        {"Profile": "prod", **OWN_CDN, "EdgeSecret": "", "DirectAccess": "allowed"},
    ],
)
def test_valid_parameters_are_accepted(values):
    assert broken({**GOOD, **values}) == {}


def test_rules_use_only_supported_functions():
    rule = {"Assertions": [{"Assert": {"Fn::If": ["X", "a", "b"]}, "AssertDescription": "x"}]}
    with pytest.raises(RuleError, match="not a function of rules"):
        broken({}, {"Parameters": {}, "Rules": {"Bad": rule}})


def test_the_readme_names_each_profiles_command_stack_and_region():
    readme = (ROOT / "README.md").read_text()
    for profile in PROFILES:
        found = read_profile(profile)
        assert f"make deploy PROFILE={profile} MailSender=" in readme
        assert f"| `{profile}` | `{found.stack}` |" in readme
        assert f"`samconfig.toml` has `{found.region}` for each profile" in readme
