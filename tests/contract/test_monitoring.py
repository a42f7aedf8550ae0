"""Every alarm has an action, and stopped functions are detected.

Each rule is a function of a template that returns what is wrong with it, so that it can be shown to
fail on a template that breaks it.
"""

from __future__ import annotations

import copy
import json
import re

import pytest

from latchkey.domain.limits import CLEANUP_INTERVAL_MINUTES
from tools.template import ROOT, load

TOPIC = [{"Fn::If": ["HasOwnAlarmTopic", {"Ref": "AlarmTopic"}, {"Ref": "AlarmTopicArn"}]}]
STREAMS = {"DynamoDB", "Kinesis", "CloudWatchLogs"}
UNITS = {"minute": 60, "hour": 3600, "day": 24 * 3600}


def alarms(template):
    return of_type(template, "AWS::CloudWatch::Alarm")


def of_type(template, kind):
    resources = template["Resources"].items()
    return {name: item["Properties"] for name, item in resources if item["Type"] == kind}


def sources(template):
    """Return what invokes each function that no request calls: its kind, and its schedule."""
    found = [
        (name, event["Type"], event["Properties"])
        for name, properties in of_type(template, "AWS::Serverless::Function").items()
        for event in properties.get("Events", {}).values()
        if event["Type"] != "HttpApi"
    ]
    for properties in of_type(template, "AWS::Lambda::EventSourceMapping").values():
        kind = "DynamoDB" if "StreamArn" in str(properties["EventSourceArn"]) else "SQS"
        function = properties["FunctionName"]
        name = function.get("Ref") or str(function["Fn::GetAtt"]).split(".")[0]
        queue = {"Queue": properties["EventSourceArn"]}
        found.append((name, kind, {**properties, **queue}))
    for properties in of_type(template, "AWS::Logs::SubscriptionFilter").values():
        target = str(properties["DestinationArn"]["Fn::GetAtt"]).split(".")[0]
        found.append((target, "CloudWatchLogs", properties))
    return found


def logical_id(value):
    """Return the resource that a Ref or GetAtt names."""
    if "Ref" in value:
        return value["Ref"]
    name = value["Fn::GetAtt"]
    return name.split(".")[0] if isinstance(name, str) else name[0]


def dimension(alarm, name):
    for entry in alarm.get("Dimensions", []):
        if entry["Name"] == name:
            return logical_id(entry["Value"])
    return None


def seconds(schedule):
    amount, unit = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", schedule).groups()
    return int(amount) * UNITS[unit]


def without_action(template):
    """Alarms that report nowhere, at their start or at their end."""
    return {
        name
        for name, alarm in alarms(template).items()
        if alarm.get("AlarmActions") != TOPIC
        or alarm.get("OKActions") != TOPIC
        or alarm.get("ActionsEnabled", True) is not True
    }


def without_heartbeat(template):
    """Functions on a schedule or a stream without a timely alarm for missing invocations."""
    windows = {
        dimension(alarm, "FunctionName"): alarm["Period"] * alarm["EvaluationPeriods"]
        for alarm in alarms(template).values()
        if alarm.get("MetricName") == "Invocations"
        and alarm["ComparisonOperator"] == "LessThanThreshold"
        and alarm["Threshold"] == 1
        and alarm["TreatMissingData"] == "breaching"
    }
    silent = set()
    for name, kind, properties in sources(template):
        every = CLEANUP_INTERVAL_MINUTES * 60
        if kind == "Schedule":
            every = seconds(properties["Schedule"])
        elif kind not in STREAMS:
            continue
        window = windows.get(name, 0)
        # Time for a run to be late, and no more than three hours beyond what is usual.
        if not every * 1.05 <= window <= max(every * 2, every + 3 * 3600):
            silent.add(name)
    return silent


def unwatched_queues(template):
    """Queues without alarms for old messages or dead letters."""
    watched = {
        (dimension(alarm, "QueueName"), alarm["MetricName"])
        for alarm in alarms(template).values()
        if alarm.get("Namespace") == "AWS/SQS"
    }
    consumed = {logical_id(p["Queue"]) for _, kind, p in sources(template) if kind == "SQS"}
    queues = of_type(template, "AWS::SQS::Queue")
    age = {(name, "ApproximateAgeOfOldestMessage") for name in queues if name in consumed}
    dead = {(name, "ApproximateNumberOfMessagesVisible") for name in set(queues) - consumed}
    # A function empties this one; its invocations are watched instead.
    return (age | dead) - watched - {("ExportDeadLetters", "ApproximateAgeOfOldestMessage")}


def unwatched_functions(template):
    """Background functions without an alarm for crashes."""
    watched = {
        dimension(alarm, "FunctionName")
        for alarm in alarms(template).values()
        if alarm.get("MetricName") == "Errors"
    }
    for alarm in alarms(template).values():
        for query in alarm.get("Metrics", []):
            if "AWS/Lambda" in str(query.get("Expression")):
                watched |= set(re.findall(r"\$\{(\w+)}", query["Expression"]["Fn::Sub"]))
    return {name for name, _, _ in sources(template)} - watched


def unknown_names(template):
    """Names of resources in alarms that the template does not have."""
    known = set(template["Resources"]) | set(template["Parameters"])
    named = set()
    for alarm in alarms(template).values():
        text = str(alarm)
        named |= set(re.findall(r"\{'Ref': '(\w+)'}", text))
        named |= set(re.findall(r"'Fn::GetAtt': '(\w+)\.", text))
        named |= set(re.findall(r"\$\{(\w+)}", text))
    return named - known


def unknown_metrics(template):
    """Our own metrics that alarms look at and nothing emits."""
    emitted = set(
        re.findall(
            r'add_metric\(\s*"(\w+)"',
            (ROOT / "layers/shared/latchkey/observability.py").read_text(),
        )
    )
    return {
        alarm["MetricName"]
        for alarm in alarms(template).values()
        if "Latchkey" in str(alarm.get("Namespace")) and alarm["MetricName"] not in emitted
    }


def shared_namespaces(template):
    """Alarms on our own metrics whose namespace is not this stack's."""
    own = template["Globals"]["Function"]["Environment"]["Variables"]
    return {
        name
        for name, alarm in alarms(template).items()
        if "Latchkey" in str(alarm.get("Namespace"))
        and alarm["Namespace"] != own["POWERTOOLS_METRICS_NAMESPACE"]
    } | (set() if "AWS::StackName" in str(own["POWERTOOLS_METRICS_NAMESPACE"]) else {"Globals"})


def too_long(template):
    """Alarms that CloudWatch refuses: seven days in all, one day for periods under an hour."""
    return {
        name
        for name, alarm in alarms(template).items()
        if "Period" in alarm
        and alarm["Period"] * alarm["EvaluationPeriods"]
        > (7 * UNITS["day"] if alarm["Period"] >= UNITS["hour"] else UNITS["day"])
    }


DIMENSIONS = {
    "FunctionName": "AWS::Serverless::Function",
    "QueueName": "AWS::SQS::Queue",
    "TableName": "AWS::DynamoDB::Table",
    "LogGroupName": "AWS::Logs::LogGroup",
    "ApiId": "AWS::Serverless::HttpApi",
}
NAMED = re.compile(r"\$\{([\w:]+)(?:\.\w+)?}")


def widgets(template):
    body = template["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    return json.loads(body)["widgets"]


def metrics_of(template):
    """Return every metric of the dashboard: namespace, name and dimensions."""
    for widget in widgets(template):
        for metric in widget["properties"].get("metrics", []):
            parts = [word for word in metric if isinstance(word, str)]
            if parts:
                namespace, name, *rest = parts
                yield namespace, name, dict(zip(rest[::2], rest[1::2], strict=True))


def dangling_widgets(template):
    """What the dashboard names and the template does not have, or has as something else."""
    kinds = {name: item["Type"] for name, item in template["Resources"].items()}
    named = set(NAMED.findall(json.dumps(widgets(template))))
    dangling = {name for name in named if name not in kinds and not name.startswith("AWS::")}
    for _, _, dimensions in metrics_of(template):
        for dimension_name, value in dimensions.items():
            if dimension_name != "service":
                (resource,) = NAMED.findall(value)
                if kinds.get(resource) != DIMENSIONS[dimension_name]:
                    dangling.add(resource)
    return dangling


def unknown_widget_metrics(template):
    """Metrics of our own that the dashboard shows and nothing emits."""
    text = (ROOT / "layers/shared/latchkey/observability.py").read_text()
    emitted = set(re.findall(r'add_metric\(\s*"(\w+)"', text))
    own = "Latchkey/${AWS::StackName}"
    shown = {name for namespace, name, _ in metrics_of(template) if namespace == own}
    queried = re.findall(
        rf'\((\w+)\) FROM SCHEMA\(\\?"{re.escape(own)}', json.dumps(widgets(template))
    )
    assert len(queried) == 1
    return (shown | set(queried)) - emitted


def alarms_not_shown(template):
    """Alarms that the dashboard's health does not show."""
    (health,) = [widget for widget in widgets(template) if widget["type"] == "alarm"]
    shown = {name for arn in health["properties"]["alarms"] for name in NAMED.findall(arn)}
    return set(alarms(template)) - shown


def overlapping_widgets(template):
    """Widgets that lie on another, or beyond the 24 columns of a dashboard."""
    taken, wrong = set(), set()
    for widget in widgets(template):
        x, y, width, height = (widget[name] for name in ("x", "y", "width", "height"))
        cells = {(x + i, y + j) for i in range(width) for j in range(height)}
        if cells & taken or x + width > 24:
            wrong.add(widget["properties"]["title"])
        taken |= cells
    return wrong


RULES = [
    dangling_widgets,
    unknown_widget_metrics,
    alarms_not_shown,
    overlapping_widgets,
    without_action,
    without_heartbeat,
    unwatched_queues,
    unwatched_functions,
    unknown_names,
    unknown_metrics,
    shared_namespaces,
    too_long,
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_template_keeps_the_rule(rule):
    assert rule(load()) == set()


def broken(path, value=None):
    """Return the template with one entry replaced, or removed."""
    template = copy.deepcopy(load())
    *parents, last = path
    place = template
    for name in parents:
        place = place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return template


def alarm_path(name, *rest):
    return ("Resources", name, "Properties", *rest)


@pytest.mark.parametrize(
    ("rule", "path", "value", "found"),
    [
        (without_action, alarm_path("AuditFindingsAlarm", "AlarmActions"), None,
         "AuditFindingsAlarm"),
        (without_action, alarm_path("MailQueueAlarm", "OKActions"), [], "MailQueueAlarm"),
        (without_heartbeat, ("Resources", "AnchorAuditSilentAlarm"), None, "AnchorAuditFunction"),
        (without_heartbeat, alarm_path("RelayOutboxSilentAlarm", "TreatMissingData"),
         "notBreaching", "RelayOutboxFunction"),
        (without_heartbeat, alarm_path("RotateSigningKeysSilentAlarm", "EvaluationPeriods"), 24,
         "RotateSigningKeysFunction"),
        (without_heartbeat, alarm_path("ChainAuditSilentAlarm", "EvaluationPeriods"), 12,
         "ChainAuditFunction"),
        (unwatched_queues, ("Resources", "PurgeDeadLettersAlarm"), None,
         ("PurgeDeadLetters", "ApproximateNumberOfMessagesVisible")),
        (unwatched_queues, ("Resources", "MailQueueAlarm"), None,
         ("MailQueue", "ApproximateAgeOfOldestMessage")),
        (unwatched_functions, ("Resources", "BackgroundErrorsAlarm"), None, "SendMailFunction"),
        (unknown_names, ("Resources", "ServiceAuthorizerFunction"), None,
         "ServiceAuthorizerFunction"),
        (unknown_metrics, alarm_path("TaskFailuresAlarm", "MetricName"), "TaskDone", "TaskDone"),
        (shared_namespaces, alarm_path("AuditFindingsAlarm", "Namespace"), "Latchkey",
         "AuditFindingsAlarm"),
        (dangling_widgets, ("Resources", "SweepAvatarsFunction"), None, "SweepAvatarsFunction"),
        (dangling_widgets, ("Resources", "MailQueue", "Type"), "AWS::SNS::Topic", "MailQueue"),
        (alarms_not_shown, ("Resources", "NewAlarm"), {"Type": "AWS::CloudWatch::Alarm",
         "Properties": {}}, "NewAlarm"),
        (too_long, alarm_path("ArchiveAuditSilentAlarm", "EvaluationPeriods"), 169,
         "ArchiveAuditSilentAlarm"),
    ],
)  # fmt: skip
def test_the_rule_fails_on_a_template_that_breaks_it(rule, path, value, found):
    assert found in rule(broken(path, value))


@pytest.mark.parametrize(
    ("rule", "old", "new", "found"),
    [
        (dangling_widgets, "${LogGroup}", "${LogGrup}", "LogGrup"),
        (unknown_widget_metrics, "SUM(ServerErrors)", "SUM(Failures)", "Failures"),
        (unknown_widget_metrics, '"TaskFailures"', '"TaskDone"', "TaskDone"),
        (alarms_not_shown, '"${MailQuotaAlarm.Arn}",', "", "MailQuotaAlarm"),
        (overlapping_widgets, '"x": 16, "y": 4', '"x": 17, "y": 4', "Authorizer"),
    ],
)
def test_the_rule_fails_on_a_dashboard_that_breaks_it(rule, old, new, found):
    path = ("Resources", "Dashboard", "Properties", "DashboardBody")
    body = load()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    assert old in body
    assert found in rule(broken(path, {"Fn::Sub": body.replace(old, new)}))


def test_with_tracing_every_function_may_write_its_traces():
    template = load()
    policy = template["Resources"]["WriteTraces"]
    assert policy["Condition"] == "Traces"
    assert template["Parameters"]["Tracing"]["Default"] == "PassThrough"
    assert template["Globals"]["Function"]["Tracing"] == {"Ref": "Tracing"}
    traced = {role["Ref"] for role in policy["Properties"]["Roles"]}
    used = of_type(template, "AWS::Serverless::Function").values()
    assert traced == {logical_id(properties["Role"]) for properties in used}


def test_heartbeat_schedule_matches_the_code():
    schedules = [p["Schedule"] for name, _, p in sources(load()) if name == "CleanupFunction"]
    assert schedules == [f"rate({CLEANUP_INTERVAL_MINUTES} minutes)"]


def test_only_cloudwatch_publishes_alarms_and_only_over_tls():
    statements = load()["Resources"]["AlarmTopicPolicy"]["Properties"]["PolicyDocument"]
    allowed, denied = statements["Statement"]
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert (denied["Effect"], denied["Condition"]) == (
        "Deny",
        {"Bool": {"aws:SecureTransport": False}},
    )
