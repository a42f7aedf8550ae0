"""`make preflight` with recorded responses: each check finds its problem and no other."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.support.recorded_aws import RecordedAws, Refusal
from tools.preflight import __main__ as preflight
from tools.preflight import edge_checks, mail_checks, quota_checks, stack_checks
from tools.preflight.account import READ_ONLY, Account
from tools.preflight.checks import CHECKS
from tools.preflight.findings import Verdict
from tools.preflight.plan import Plan
from tools.profiles import effective, read_profile
from tools.template import ROOT

ARN = "arn:aws:acm:us-east-1:123456789012:certificate/1"
ACL = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/shield/7"
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1"
DOMAIN = {"ServePage": "on", "PageDomain": "accounts.example.com", "PageCertificate": ARN}
ZONE = {**DOMAIN, "HostedZoneId": "Z1"}
DENIED = Refusal("AccessDeniedException")
TEMPLATE = {
    "Resources": {
        "LoginFunctionRole": {
            "Type": "AWS::IAM::Role",
            "Properties": {"ManagedPolicyArns": ["one", "two"]},
        },
        "ReadAccounts": {"Type": "AWS::IAM::ManagedPolicy", "Properties": {}},
        "AuthorizerFunction": {
            "Type": "AWS::Lambda::Function",
            "Properties": {"ReservedConcurrentExecutions": 50},
        },
        "ApiCaching": {
            "Type": "AWS::CloudFront::CachePolicy",
            "Properties": {"CachePolicyConfig": {"Name": {"Fn::Sub": "${AWS::StackName}-api"}}},
        },
        "PageRoutes": {
            "Type": "AWS::CloudFront::Function",
            "Properties": {"Name": {"Fn::Sub": "${AWS::StackName}-page-routes"}},
        },
    }
}


def plan(values=None, *, state=None, size=1000):
    deployed = state and {"StackName": "latchkey", "StackStatus": state}
    return Plan(
        "latchkey",
        "eu-west-1",
        {"MailSender": "accounts@example.com", **(values or {})},
        deployed,
        TEMPLATE,
        size,
    )


def found(check, answers=None, **of_plan):
    """Run one check. Returns its verdicts and all that it says."""
    aws = RecordedAws(answers or {})
    findings = list(check(Account("eu-west-1", aws.client), plan(**of_plan)))
    return [finding.verdict for finding in findings], " ".join(f.sentence for f in findings)


def identity(*, verified):
    return {"IdentityType": "DOMAIN", "VerifiedForSendingStatus": verified}


def ses(**changed):
    return {
        "sesv2.GetAccount": {
            "ProductionAccessEnabled": True,
            "SendingEnabled": True,
            "EnforcementStatus": "HEALTHY",
            "SendQuota": {"Max24HourSend": 50000.0, "MaxSendRate": 14.0, "SentLast24Hours": 2.0},
            **changed,
        }
    }


def concurrency(limit, unreserved=None):
    account = {
        "ConcurrentExecutions": limit,
        "UnreservedConcurrentExecutions": limit if unreserved is None else unreserved,
    }
    return {"lambda.GetAccountSettings": {"AccountLimit": account}}


def summary(**changed):
    quotas = {"RolesQuota": 1000, "Roles": 10, "PoliciesQuota": 1500, "Policies": 5}
    return {"iam.GetAccountSummary": {"SummaryMap": {**quotas, **changed}}}


def acm(status, *names):
    details = {
        "CertificateArn": ARN,
        "DomainName": names[0],
        "SubjectAlternativeNames": list(names),
        "Status": status,
    }
    return {"acm.DescribeCertificate": {"Certificate": details}}


def route53(zone, *records, private=False):
    hosted = {
        "Id": "/hostedzone/Z1",
        "Name": zone,
        "CallerReference": "1",
        "Config": {"PrivateZone": private},
    }
    sets = [{"Name": name, "Type": kind} for name, kind in records]
    return {
        "route53.GetHostedZone": {"HostedZone": hosted},
        "route53.ListResourceRecordSets": {
            "ResourceRecordSets": sets,
            "IsTruncated": False,
            "MaxItems": "100",
        },
    }


def leftovers(parameters=(), tables=(), buckets=()):
    return {
        "ssm.DescribeParameters": {"Parameters": [{"Name": name} for name in parameters]},
        "dynamodb.ListTables": {"TableNames": list(tables)},
        "s3.ListBuckets": {"Buckets": [{"Name": name} for name in buckets]},
    }


def custom_policies(*names):
    items = [{"Type": "custom", "CachePolicy": policy(name)} for name in names]
    return {
        "cloudfront.ListCachePolicies": {
            "CachePolicyList": {"MaxItems": 100, "Quantity": len(items), "Items": items}
        }
    }


def policy(name):
    return {
        "Id": "p",
        "LastModifiedTime": "2026-01-01T00:00:00Z",
        "CachePolicyConfig": {"Name": name, "MinTTL": 0},
    }


def functions(*names):
    items = [
        {
            "Name": name,
            "FunctionConfig": {"Comment": "", "Runtime": "cloudfront-js-2.0"},
            "FunctionMetadata": {"FunctionARN": "arn", "LastModifiedTime": "2026-01-01T00:00:00Z"},
        }
        for name in names
    ]
    return {
        "cloudfront.ListFunctions": {
            "FunctionList": {"MaxItems": 100, "Quantity": len(items), "Items": items}
        }
    }


def kms(**changed):
    key = {
        "KeyId": "1",
        "KeySpec": "ECC_NIST_P256",
        "KeyUsage": "SIGN_VERIFY",
        "KeyState": "Enabled",
        **changed,
    }
    return {"kms.DescribeKey": {"KeyMetadata": key}}


def setting(value):
    return {"ssm.GetServiceSetting": {"ServiceSetting": {"SettingValue": value}}}


def sam_bucket(state):
    stack = {
        "StackName": "aws-sam-cli-managed-default",
        "StackStatus": state,
        "CreationTime": "2026-01-01T00:00:00Z",
    }
    return {"cloudformation.DescribeStacks": {"Stacks": [stack]}}


ALL = effective({"Profile": "prod", "MailSender": "accounts@example.com"}, {})
NO_STACK = {
    "cloudformation.DescribeStacks": Refusal(
        "ValidationError", "Stack with id latchkey does not exist"
    )
}
OK, WARNING, FAILS = Verdict.OK, Verdict.WARNING, Verdict.FAILS
stacks, mails, quotas, edge = stack_checks, mail_checks, quota_checks, edge_checks
KEYS = ["/latchkey/latchkey/signing-keys"]

CASES = {
    # check, answers, the plan, verdict, words
    "first deploy": (stacks.stack_state, {}, {}, OK, "first deploy"),
    "update": (stacks.stack_state, {}, {"state": "UPDATE_COMPLETE"}, OK, "takes an update"),
    "reviewed": (stacks.stack_state, {}, {"state": "REVIEW_IN_PROGRESS"}, OK, "takes an update"),
    "failed first": (
        stacks.stack_state,
        {},
        {"state": "ROLLBACK_COMPLETE"},
        FAILS,
        "sam delete --stack-name latchkey",
    ),
    "stuck": (
        stacks.stack_state,
        {},
        {"state": "UPDATE_ROLLBACK_FAILED"},
        FAILS,
        "continue-update-rollback",
    ),
    "busy": (stacks.stack_state, {}, {"state": "UPDATE_IN_PROGRESS"}, FAILS, "wait"),
    "parameters": (stacks.parameters, {}, {"values": ALL}, OK, "fit together"),
    "a parameter without a value": (
        stacks.parameters,
        {},
        {"values": {name: value for name, value in ALL.items() if name != "Profile"}},
        FAILS,
        "Profile has no value",
    ),
    "parameters that a rule refuses": (
        stacks.parameters,
        {},
        {"values": {**ALL, "PageDomain": "accounts.example.com"}},
        FAILS,
        "PageDomain needs PageCertificate",
    ),
    "nothing left": (stacks.leftovers, leftovers(), {}, OK, "Nothing is left"),
    "keys left": (stacks.leftovers, leftovers(KEYS), {}, WARNING, KEYS[0]),
    "a table left": (
        stacks.leftovers,
        leftovers(tables=["latchkey-dev-Table-1", "latchkey-AuditTable-4AB"]),
        {},
        WARNING,
        "left latchkey-AuditTable-4AB.",
    ),
    "a bucket left": (
        stacks.leftovers,
        leftovers(buckets=["latchkey-auditbucket-1", "latchkey-else"]),
        {},
        WARNING,
        "left latchkey-auditbucket-1.",
    ),
    "template": (stacks.template_size, NO_STACK, {}, OK, "5 resources"),
    "a large template": (
        stacks.template_size,
        NO_STACK,
        {"size": 1_000_001},
        FAILS,
        "1,000,001 bytes",
    ),
    "SAM's bucket": (stacks.template_size, sam_bucket("CREATE_COMPLETE"), {}, OK, "uploaded"),
    "no bucket of SAM's": (
        stacks.template_size,
        sam_bucket("DELETE_FAILED"),
        {},
        FAILS,
        "aws-sam-cli-managed-default",
    ),
    "sender": (
        mails.mail_sender,
        {"sesv2.GetEmailIdentity": identity(verified=True)},
        {},
        OK,
        "is verified",
    ),
    "sender by its domain": (
        mails.mail_sender,
        {
            "sesv2.GetEmailIdentity": lambda request: (
                identity(verified=True)
                if request["EmailIdentity"] == "example.com"
                else Refusal("NotFoundException")
            )
        },
        {},
        OK,
        "example.com is verified",
    ),
    "sender unverified": (
        mails.mail_sender,
        {"sesv2.GetEmailIdentity": identity(verified=False)},
        {},
        FAILS,
        "not verified",
    ),
    "sender unknown": (
        mails.mail_sender,
        {"sesv2.GetEmailIdentity": Refusal("NotFoundException")},
        {},
        FAILS,
        "create-email-identity",
    ),
    "no sender": (mails.mail_sender, {}, {"values": {"MailSender": ""}}, FAILS, "MailSender="),
    "mail": (mails.mail_account, ses(), {}, OK, "14 a second, 50000 a day"),
    "sandbox": (
        mails.mail_account,
        ses(ProductionAccessEnabled=False),
        {},
        WARNING,
        "only people with a verified address can register",
    ),
    "mail paused": (mails.mail_account, ses(SendingEnabled=False), {}, FAILS, "paused"),
    "mail shut down": (
        mails.mail_account,
        ses(EnforcementStatus="SHUTDOWN"),
        {},
        FAILS,
        "paused",
    ),
    "mail watched": (
        mails.mail_account,
        ses(EnforcementStatus="PROBATION"),
        {},
        WARNING,
        "under review",
    ),
    "mail used up": (
        mails.mail_account,
        ses(SendQuota={"Max24HourSend": 200.0, "MaxSendRate": 1.0, "SentLast24Hours": 200.0}),
        {},
        WARNING,
        "used up",
    ),
    "configuration set": (
        mails.mail_configuration_set,
        {"sesv2.GetConfigurationSet": {"ConfigurationSetName": "all"}},
        {"values": {"MailConfigurationSet": "all"}},
        OK,
        "is there",
    ),
    "no configuration set": (
        mails.mail_configuration_set,
        {"sesv2.GetConfigurationSet": Refusal("NotFoundException")},
        {"values": {"MailConfigurationSet": "all"}},
        FAILS,
        "make it first",
    ),
    "configuration set off": (
        mails.mail_configuration_set,
        {"sesv2.GetConfigurationSet": {"SendingOptions": {"SendingEnabled": False}}},
        {"values": {"MailConfigurationSet": "all"}},
        FAILS,
        "switched off",
    ),
    "concurrency": (quotas.lambda_concurrency, concurrency(1000), {}, OK, "1,000"),
    "a new account": (
        quotas.lambda_concurrency,
        concurrency(10),
        {"state": "CREATE_COMPLETE"},
        WARNING,
        "L-B99A9384",
    ),
    "reserved too much": (
        quotas.lambda_concurrency,
        concurrency(1000, unreserved=149),
        {},
        FAILS,
        "leaves 99",
    ),
    "roles": (quotas.iam_quotas, summary(), {}, OK, "fit"),
    "no room for roles": (quotas.iam_quotas, summary(Roles=1000), {}, FAILS, "room for 0"),
    "no room for policies": (quotas.iam_quotas, summary(Policies=1500), {}, FAILS, "policies"),
    "too many policies": (
        quotas.iam_quotas,
        summary(AttachedPoliciesPerRoleQuota=1),
        {},
        FAILS,
        "LoginFunctionRole (2)",
    ),
    "throughput": (quotas.parameter_throughput, setting("true"), {}, OK, "is on"),
    "low throughput": (
        quotas.parameter_throughput,
        setting("false"),
        {},
        WARNING,
        "update-service-setting",
    ),
    "certificate": (
        edge.certificate,
        acm("ISSUED", "accounts.example.com"),
        {"values": DOMAIN},
        OK,
        "issued",
    ),
    "certificate by star": (
        edge.certificate,
        acm("ISSUED", "*.example.com"),
        {"values": DOMAIN},
        OK,
        "issued",
    ),
    "certificate of another": (
        edge.certificate,
        acm("ISSUED", "example.com", "*.eu.example.com"),
        {"values": DOMAIN},
        FAILS,
        "not for accounts.example.com",
    ),
    "certificate pending": (
        edge.certificate,
        acm("PENDING_VALIDATION", "accounts.example.com"),
        {"values": DOMAIN},
        FAILS,
        "PENDING_VALIDATION",
    ),
    "certificate gone": (
        edge.certificate,
        {"acm.DescribeCertificate": Refusal("ResourceNotFoundException")},
        {"values": DOMAIN},
        FAILS,
        "no certificate",
    ),
    "certificate forgotten": (
        edge.certificate,
        {},
        {"values": {**DOMAIN, "PageCertificate": ""}},
        FAILS,
        "request-certificate",
    ),
    "zone": (edge.dns, route53("example.com."), {"values": ZONE}, OK, "takes"),
    "zone of another": (
        edge.dns,
        route53("ple.com."),
        {"values": ZONE},
        FAILS,
        "ple.com's",
    ),
    "zone private": (
        edge.dns,
        route53("example.com.", private=True),
        {"values": ZONE},
        FAILS,
        "private",
    ),
    "zone gone": (
        edge.dns,
        {"route53.GetHostedZone": Refusal("NoSuchHostedZone")},
        {"values": ZONE},
        FAILS,
        "no hosted zone",
    ),
    "record taken": (
        edge.dns,
        route53("example.com.", ("accounts.example.com.", "CNAME")),
        {"values": ZONE},
        FAILS,
        "has a record already (CNAME)",
    ),
    "record ours": (
        edge.dns,
        route53("example.com.", ("accounts.example.com.", "A")),
        {"values": ZONE, "state": "CREATE_COMPLETE"},
        OK,
        "takes",
    ),
    "no zone": (edge.dns, {}, {"values": DOMAIN}, WARNING, "CNAME"),
    "alias free": (
        edge.aliases,
        {
            "cloudfront.ListDistributions": {
                "DistributionList": {
                    "Marker": "",
                    "MaxItems": 100,
                    "IsTruncated": False,
                    "Quantity": 0,
                }
            }
        },
        {"values": DOMAIN},
        OK,
        "No other distribution",
    ),
    "names free": (
        edge.cloudfront_names,
        custom_policies("latchkey-dev-api") | functions("other"),
        {},
        OK,
        "are free",
    ),
    "policy taken": (
        edge.cloudfront_names,
        custom_policies("latchkey-api") | functions(),
        {},
        FAILS,
        "latchkey-api already",
    ),
    "function taken": (
        edge.cloudfront_names,
        custom_policies() | functions("latchkey-page-routes"),
        {},
        FAILS,
        "latchkey-page-routes already",
    ),
    "no web ACL": (
        edge.web_acl,
        {"wafv2.GetWebACL": Refusal("WAFNonexistentItemException")},
        {"values": {"WebAclArn": ACL}},
        FAILS,
        "no web ACL shield",
    ),
    "web ACL of a region": (
        edge.web_acl,
        {},
        {"values": {"WebAclArn": ACL.replace("us-east-1", "eu-west-1")}},
        FAILS,
        "has to be global",
    ),
    "audit key": (edge.audit_kms_key, kms(), {"values": {"AuditKmsKey": KEY}}, OK, "can sign"),
    "audit key of RSA": (
        edge.audit_kms_key,
        kms(KeySpec="RSA_2048"),
        {"values": {"AuditKmsKey": KEY}},
        FAILS,
        "RSA_2048",
    ),
    "audit key off": (
        edge.audit_kms_key,
        kms(KeyState="PendingDeletion"),
        {"values": {"AuditKmsKey": KEY}},
        FAILS,
        "PendingDeletion",
    ),
    "no audit key": (
        edge.audit_kms_key,
        {"kms.DescribeKey": Refusal("NotFoundException")},
        {"values": {"AuditKmsKey": KEY}},
        FAILS,
        "no key",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_check_reports_its_finding(name):
    check, answers, of_plan, verdict, message = CASES[name]
    verdicts, output = found(check, answers, **of_plan)
    assert set(verdicts) == {verdict}
    assert message in output


def test_every_check_has_a_passing_and_a_failing_case():
    tried = {}
    for check, _, _, verdict, _ in CASES.values():
        tried.setdefault(check, set()).add(verdict is OK)
    for check in (edge.web_acl, edge.aliases):
        tried[check].update({True, False})  # the two tests below
    assert set(tried) == set(CHECKS.values())
    assert [check for check, ways in tried.items() if ways != {True, False}] == []


def test_existing_web_acl_is_found():
    visibility = {
        "SampledRequestsEnabled": True,
        "CloudWatchMetricsEnabled": True,
        "MetricName": "m",
    }
    acl = {
        "Name": "shield",
        "Id": "7",
        "ARN": ACL,
        "DefaultAction": {"Allow": {}},
        "VisibilityConfig": visibility,
    }
    verdicts, output = found(
        edge.web_acl, {"wafv2.GetWebACL": {"WebACL": acl}}, values={"WebAclArn": ACL}
    )
    assert (verdicts, output) == ([OK], "The web ACL shield is there.")


def test_an_alias_of_another_distribution_is_found(monkeypatch):
    # Two dozen members of a distribution are required, and the check reads one.
    account = Account("eu-west-1", RecordedAws({}).client)
    others = [{"Id": "E1", "Aliases": {"Quantity": 1, "Items": ["accounts.example.com"]}}]
    monkeypatch.setattr(account, "list_all", lambda *_asked, **_fields: iter(others))
    (finding,) = edge.aliases(account, plan(DOMAIN))
    assert finding.verdict is FAILS
    assert "E1" in finding.sentence


def test_unused_features_are_not_checked():
    for check in (edge.certificate, edge.dns, edge.aliases, edge.web_acl, edge.audit_kms_key):
        assert found(check, {}) == ([], "")
    assert found(edge.cloudfront_names, {}, state="UPDATE_COMPLETE") == ([], "")
    assert found(stacks.leftovers, {}, state="UPDATE_COMPLETE") == ([], "")
    assert found(mails.mail_configuration_set, {}) == ([], "")


def test_certificate_is_searched_in_us_east_1():
    aws = RecordedAws(acm("ISSUED", "accounts.example.com"))
    list(edge.certificate(Account("eu-west-1", aws.client), plan(DOMAIN)))
    assert [(name, region) for name, region, _ in aws.calls] == [
        ("acm.DescribeCertificate", "us-east-1")
    ]


def test_values_of_keys_are_not_read():
    aws = RecordedAws(leftovers(KEYS))
    list(stacks.leftovers(Account("eu-west-1", aws.client), plan()))
    assert aws.names()[0] == "ssm.DescribeParameters"


@pytest.mark.parametrize(
    ("name", "is_covered"),
    [
        ("accounts.example.com", True),
        ("*.example.com", True),
        ("ACCOUNTS.example.com", True),
        ("*.accounts.example.com", False),
        ("*.com", False),
        ("example.com", False),
    ],
)
def test_wildcard_matches_one_label(name, is_covered):
    assert edge.covers(name, "accounts.example.com") is is_covered


# The whole ---------------------------------------------------------------------------------------

CALLER = {
    "sts.GetCallerIdentity": {
        "Account": "123456789012",
        "Arn": "arn:aws:sts::123456789012:assumed-role/deployer/ada",
        "UserId": "u",
    }
}


def everything(aws, *values):
    profile = read_profile("dev").with_values(["MailSender=accounts@example.com", *values])
    output = []
    code = preflight.report(
        preflight.run(Account("eu-west-1", aws.client), profile), say=output.append
    )
    return code, "\n".join(output)


def healthy():
    answers = (
        CALLER | NO_STACK | leftovers() | ses() | concurrency(1000) | summary() | setting("true")
    )
    answers |= custom_policies() | functions()
    for operation, listing in (
        ("ListOriginAccessControls", "OriginAccessControlList"),
        ("ListOriginRequestPolicies", "OriginRequestPolicyList"),
        ("ListResponseHeadersPolicies", "ResponseHeadersPolicyList"),
    ):
        page = {"MaxItems": 100, "Quantity": 0}
        if listing == "OriginAccessControlList":
            page |= {"Marker": "", "IsTruncated": False}
        answers[f"cloudfront.{operation}"] = {listing: page}
    return answers | {"sesv2.GetEmailIdentity": identity(verified=True)}


@pytest.fixture
def small_template(monkeypatch):
    monkeypatch.setattr(preflight, "transformed", lambda _values: (TEMPLATE, 1000))


@pytest.mark.usefixtures("small_template")
def test_ready_account_has_no_failures():
    code, output = everything(RecordedAws(healthy()))
    assert (code, "0 would fail" in output) == (0, True), output


@pytest.mark.usefixtures("small_template")
def test_one_failure_is_an_exit_code_of_1():
    aws = RecordedAws(healthy() | {"sesv2.GetEmailIdentity": Refusal("NotFoundException")})
    code, output = everything(aws)
    assert code == 1
    assert "would fail  mail sender: SES knows neither" in output
    assert "1 would fail" in output


@pytest.mark.usefixtures("small_template")
def test_a_missing_permission_is_a_warning_that_names_it():
    code, output = everything(RecordedAws(healthy() | {"sesv2.GetAccount": DENIED}))
    assert code == 0
    assert "warning     mail account: not checked, because the permission ses:GetAccount" in output
    _, output = everything(RecordedAws(healthy() | {"s3.ListBuckets": Refusal("AccessDenied")}))
    assert "the permission s3:ListAllMyBuckets is missing" in output


@pytest.mark.usefixtures("small_template")
def test_unexpected_response_is_a_warning():
    code, output = everything(RecordedAws(healthy() | {"ssm.GetServiceSetting": Refusal("Broken")}))
    assert code == 0
    assert "warning     Parameter Store: not checked, because AWS returned an error:" in output


def test_missing_permission_for_the_stack_is_a_warning():
    refused = {"cloudformation.DescribeStacks": Refusal("AccessDenied")}
    code, output = everything(RecordedAws(CALLER | refused))
    assert code == 1
    assert "cloudformation:DescribeStacks" in output


def test_invalid_credentials_stop_the_checks():
    aws = RecordedAws({"sts.GetCallerIdentity": Refusal("ExpiredToken", "it is expired")})
    code, output = everything(aws)
    assert (code, aws.names()) == (1, ["sts.GetCallerIdentity"])
    assert "it is expired" in output


@pytest.mark.usefixtures("small_template")
def test_root_credentials_are_a_warning():
    root = CALLER["sts.GetCallerIdentity"] | {"Arn": "arn:aws:iam::123456789012:root"}
    _, output = everything(RecordedAws(healthy() | {"sts.GetCallerIdentity": root}))
    assert "warning     identity" in output


def test_unknown_profile_or_parameter_is_an_error(capsys):
    assert preflight.main(["production"]) == 2
    assert "dev, hipaa, prod" in capsys.readouterr().err
    assert preflight.main(["dev", "MailSend=a@example.com"]) == 2
    assert "no parameter MailSend" in capsys.readouterr().err
    assert preflight.main(["dev", "MailSender"]) == 2
    assert "not KEY=VALUE" in capsys.readouterr().err


# Read-only ---------------------------------------------------------------------------------------


def test_an_operation_that_could_change_something_is_refused():
    account = Account("eu-west-1", RecordedAws({}).client)
    for operation in ("put_parameter", "delete_stack", "update_service_setting"):
        with pytest.raises(ValueError, match="not read-only"):
            account.ask("ssm", operation)
        with pytest.raises(ValueError, match="not read-only"):
            list(account.list_all("ssm", operation, "Parameters"))


def test_checks_use_only_the_read_only_client():
    operations = []
    for path in Path(ROOT / "tools/preflight").glob("*.py"):
        tree = ast.parse(path.read_text())
        imported = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import)
            for alias in node.names
        }
        assert path.name == "account.py" or "boto3" not in imported
        operations += [
            node.args[1].value
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in {"ask", "find", "list_all"}
            and isinstance(node.args[1], ast.Constant)
        ]
    assert len(operations) > 15
    assert all(operation.startswith(READ_ONLY) for operation in operations)
    assert all(name[1].startswith(READ_ONLY) for name in edge.NAMED_BY_US)
