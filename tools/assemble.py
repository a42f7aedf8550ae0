"""Writes template.yaml from the files of template/: `python -m tools.assemble`.

The files are CloudFormation and SAM. Sections of the same name are joined. Beyond that:

* `Parameters` are grouped as in CloudFormation's console,
* `Statements`, `Functions`, `Alarms`, `Buckets` and `Queues` are short forms
  (template/shapes.yaml),
* `!Profiled SessionIdleSeconds` is the parameter's value, or without one the profile's,
* `!Every [Function, !Ref "*Role"]` is a list, or a part of one, with an entry for each function (or
  `GradualFunction`, or `Alarm`), `!Json` writes a value as JSON,
* a section that begins with `x-` is only for anchors.
"""

from __future__ import annotations

import io
import json
import sys
from typing import TYPE_CHECKING, Any, override

import yaml

from tools.operations import logical_id
from tools.template import ROOT, Loader

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

type Section = dict[str, Any]

SOURCES = ROOT / "template"
TARGET = ROOT / "template.yaml"
AREAS = (
    "parameters",
    "rules",
    "shared",
    "shapes",
    "grants",
    "storage",
    "api",
    "edge",
    "mail",
    "sign_in",
    "links",
    "me",
    "users",
    "sessions",
    "audit",
    "exports",
    "operations",
    "monitoring",
    "dashboard",
    "outputs",
)
"""The files, in the order of their routes in openapi.json."""

SHORT_FORMS = ("Shapes", "Statements", "Functions", "Alarms", "Buckets", "Queues")
SECTIONS = (
    "AWSTemplateFormatVersion",
    "Transform",
    "Description",
    "Metadata",
    "Parameters",
    "Mappings",
    "Rules",
    "Conditions",
    "Globals",
    "Resources",
    "Outputs",
)
HEADER = """\
# Generated from template/ by `make template`. Edit the files there.
"""
_LINE_CHARACTERS_MAX = 110
_PARAMETER = (
    "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:"
    "parameter/latchkey/${AWS::StackName}/"
)


class SourceError(Exception):
    """An error in a file of template/. The message names the file and says what to change."""


# Reading -----------------------------------------------------------------------------------------


def read(area: str, text: str | None = None) -> Section:
    """Read the file of an area. Raises SourceError."""
    name = f"template/{area}.yaml"
    loader = Loader(source(area).read_text(encoding="utf-8") if text is None else text)
    try:
        node = loader.get_single_node()
        if node is None:
            return {}
        _refuse_repeated_names(node, name)
        sections: Section = loader.construct_document(node)
    except yaml.YAMLError as error:
        raise SourceError(f"{name}: {error}") from error
    for section in sections:
        if section not in SECTIONS + SHORT_FORMS and not section.startswith("x-"):
            raise SourceError(f"{name}: there is no section {section}")
    return sections


def _refuse_repeated_names(node: yaml.Node, file: str) -> None:
    """Raise SourceError for a repeated name, of which YAML would silently keep the last value."""
    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                line = key.start_mark.line + 1
                raise SourceError(f"{file}:{line}: {key.value} appears twice")
            seen.add(key.value)
            _refuse_repeated_names(value, file)
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            _refuse_repeated_names(each, file)


def source(area: str) -> Path:
    """Return the path of an area's file."""
    return SOURCES / f"{area}.yaml"


def joined(changed: Mapping[str, str]) -> Section:
    """Join the sections of all files. Raises SourceError.

    changed  the text of files that are not written yet, by area
    """
    found: Section = {}
    for area in AREAS:
        for name, content in read(area, changed.get(area)).items():
            if name.startswith("x-"):
                continue
            if not isinstance(content, dict):
                found[name] = content
                continue
            section = found.setdefault(name, {})
            if twice := sorted(section.keys() & content.keys()):
                raise SourceError(f"template/{area}.yaml: {', '.join(twice)} is already in {name}")
            section.update(content)
    return found


# Short forms -------------------------------------------------------------------------------------


def assembled(changed: Mapping[str, str] | None = None) -> Section:
    """Return the template. Raises SourceError."""
    sections = joined(changed or {})
    shapes, statements, functions, alarms, buckets, queues = (
        sections.pop(name) for name in SHORT_FORMS
    )
    sections["Metadata"] = {"AWS::CloudFormation::Interface": _groups(sections["Parameters"])}
    sections["Parameters"] = {
        name: parameter
        for group in sections["Parameters"].values()
        for name, parameter in group.items()
    }
    grants = {name: _statement(statement) for name, statement in statements.items()}
    resources = sections["Resources"]
    generated: Section = {}
    for name, function in functions.items():
        generated |= _function(name, function, shapes, grants)
    for name, alarm in alarms.items():
        generated[name] = _alarm(alarm, shapes["Alarm"])
    for name, bucket in buckets.items():
        generated |= _bucket(name, bucket, shapes)
    for name, queue in queues.items():
        generated[name] = _queue(queue, shapes)
    if twice := resources.keys() & generated.keys():
        raise SourceError(f"{', '.join(sorted(twice))} is in Resources and in a short form")
    if unused := grants.keys() - _granted(functions) - set(shapes["Grants"]):
        raise SourceError(f"template/grants.yaml: no function has {', '.join(sorted(unused))}")
    names = {
        "Function": sorted(logical_id(name) for name in functions),
        "GradualFunction": [
            logical_id(name) for name, each in functions.items() if each.get("Gradual")
        ],
        "Alarm": list(alarms),
    }
    sections["Resources"] = _expanded(resources | generated, names)
    sections["Globals"] = _expanded(sections["Globals"], names)
    return {name: sections[name] for name in SECTIONS}


def _groups(parameters: Section) -> Section:
    """Return the groups of parameters for CloudFormation's console."""
    return {
        "ParameterGroups": [
            {"Label": {"default": label}, "Parameters": list(group)}
            for label, group in parameters.items()
        ]
    }


def _statement(statement: Section) -> Section:
    """Return a statement of IAM.

    `Keys` are the partition keys that it is limited to, `Parameters` the names of SSM parameters.
    """
    given = {"Effect": "Allow", **statement}
    if parameters := given.pop("Parameters", None):
        names = [{"Fn::Sub": f"{_PARAMETER}{name}"} for name in parameters]
        given["Resource"] = names if len(names) > 1 else names[0]
    if keys := given.pop("Keys", None):
        # ForAllValues is also true for a request without keys, so Null refuses those.
        given["Condition"] = {
            "ForAllValues:StringLike": {"dynamodb:LeadingKeys": keys},
            "Null": {"dynamodb:LeadingKeys": "false"},
        }
    return given


_ROUTES = {"PublicRoute": "NONE", "SignedRoute": "AWS_IAM"}
"""Short forms of routes that do not have the default authorizer, and what they have."""


def _function(name: str, short: Section, shapes: Section, grants: Section) -> Section:
    """Return a function and its role."""
    given = dict(short)
    gradual = shapes["Gradual"] if given.pop("Gradual", False) else {}
    variables = given.pop("Variables", {}) | gradual.get("Variables", {})
    properties = {
        "CodeUri": f"functions/{name}",
        "Role": {"Fn::GetAtt": f"{logical_id(name)}Role.Arn"},
        **{key: value for key, value in gradual.items() if key != "Variables"},
        "Environment": {"Variables": {"OPERATION": name, **variables}},
    }
    statements = [
        _grant(grant, grants, name) for grant in [*shapes["Grants"], *given.pop("Grants", [])]
    ]
    kind = next((name for name in _ROUTES if name in given), "Route")
    events = given.pop("Events", {})
    if route := given.pop(kind, None):
        events = {"Route": route, **events}
    if events:
        properties["Events"] = {
            key: _event(event, _ROUTES.get(kind)) for key, event in events.items()
        }
    properties |= given
    document = {"Version": "2012-10-17", "Statement": statements}
    policies = [{"PolicyName": "Grants", "PolicyDocument": document}]
    return {
        logical_id(name): {"Type": "AWS::Serverless::Function", "Properties": properties},
        f"{logical_id(name)}Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {**shapes["Role"], "Policies": policies},
        },
    }


def _grant(grant: Any, grants: Section, function: str) -> Any:
    """Return the statement of a name, or of either name of an !If."""
    if isinstance(grant, dict):
        condition, *either = grant["Fn::If"]
        return {"Fn::If": [condition, *(_grant(name, grants, function) for name in either)]}
    if grant not in grants:
        raise SourceError(f"{function}: no statement of template/grants.yaml is named {grant}")
    return grants[grant]


def _granted(functions: Section) -> set[str]:
    found = set()
    for function in functions.values():
        for grant in function.get("Grants", []):
            found |= set(grant["Fn::If"][1:]) if isinstance(grant, dict) else {grant}
    return found


def _event(event: Any, authorizer: str | None) -> Section:
    """Return an event of SAM. A text is the short form of a route or a rate."""
    if isinstance(event, dict):
        return event
    if event.startswith("rate("):
        return {"Type": "Schedule", "Properties": {"Schedule": event}}
    method, path = event.split(" ")
    route = {"ApiId": {"Ref": "Api"}, "Method": method, "Path": path}
    if authorizer:
        route["Auth"] = {"Authorizer": authorizer}
    return {"Type": "HttpApi", "Properties": route}


def _bucket(name: str, short: Section, shapes: Section) -> Section:
    """Return a private bucket and its policy: TLS only, and the statements of `Policy`."""
    given = dict(short)
    tls_only = shapes["TlsOnly"] | {"Resource": _named(shapes["TlsOnly"]["Resource"], name)}
    statements = [tls_only, *given.pop("Policy", [])]
    retained = given.pop("Retained", True)
    condition = given.pop("Condition", None)
    document = {"Version": "2012-10-17", "Statement": statements}
    return {
        name: {
            "Type": "AWS::S3::Bucket",
            **({"Condition": condition} if condition else {}),
            **(shapes["Retained"] if retained else {}),
            "Properties": shapes["Bucket"] | given,
        },
        f"{name}Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Condition": condition or "IsOnAws",
            "Properties": {"Bucket": {"Ref": name}, "PolicyDocument": document},
        },
    }


def _queue(short: Section, shapes: Section) -> Section:
    """Return a queue. `DeadLetters` is the queue for messages that failed every delivery."""
    given = dict(short)
    if dead_letters := given.pop("DeadLetters", None):
        target = {"Fn::GetAtt": f"{dead_letters}.Arn"}
        given["RedrivePolicy"] = {"deadLetterTargetArn": target, **shapes["Redrive"]}
    return {"Type": "AWS::SQS::Queue", "Properties": shapes["Queue"] | given}


def _alarm(short: Section, shape: Section) -> Section:
    """Return an alarm."""
    given = _with_dimensions(short)
    condition = {"Condition": given.pop("Condition")} if "Condition" in given else {}
    if metrics := given.pop("Metrics", []):
        given["Metrics"] = [
            _metric(_with_dimensions(metric)) if "MetricName" in metric else metric
            for metric in metrics
        ]
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": shape | given}


def _metric(flat: Section) -> Section:
    """Return a metric that only an expression of the alarm reads."""
    metric = {name: flat.pop(name) for name in ("Namespace", "MetricName", "Dimensions")}
    return {"Id": flat.pop("Id"), "ReturnData": False, "MetricStat": {"Metric": metric, **flat}}


def _with_dimensions(short: Section) -> Section:
    """Replace `Function`, `Queue` and `Operation` by the dimensions of a metric."""
    given = dict(short)
    if function := given.pop("Function", None):
        given["Dimensions"] = [{"Name": "FunctionName", "Value": {"Ref": function}}]
    if queue := given.pop("Queue", None):
        value = {"Fn::GetAtt": f"{queue}.QueueName"}
        given["Dimensions"] = [{"Name": "QueueName", "Value": value}]
    if operation := given.pop("Operation", None):
        service = {"Name": "service", "Value": "latchkey"}
        given["Dimensions"] = [{"Name": "operation", "Value": operation}, service]
    return given


def _expanded(value: Any, names: Mapping[str, list[str]]) -> Any:
    """Expand `!Every`, `!Json` and `!Profiled`."""
    match value:
        case {"Fn::Profiled": name}:
            of_profile = {"Fn::FindInMap": ["Profiles", {"Ref": "Profile"}, name]}
            return {"Fn::If": [f"Gives{name}", {"Ref": name}, of_profile]}
        case {"Fn::Every": [kind, *forms]}:
            return [_named(form, name) for name in names[kind] for form in forms]
        case {"Fn::Json": content}:
            text = _json(_expanded(content, names))
            return {"Fn::Sub": text} if "${" in text else text
        case dict():
            return {name: _expanded(each, names) for name, each in value.items()}
        case list():
            return [part for each in value for part in _spliced(each, names)]
    return value


def _spliced(entry: Any, names: Mapping[str, list[str]]) -> list[Any]:
    """Expand an entry of a list. The entries of `!Every` take its place."""
    expanded = _expanded(entry, names)
    return expanded if isinstance(entry, dict) and "Fn::Every" in entry else [expanded]


def _named(form: Any, name: str) -> Any:
    """Replace `*` by a name."""
    if isinstance(form, dict):
        return {key: _named(value, name) for key, value in form.items()}
    if isinstance(form, list):
        return [_named(value, name) for value in form]
    return form.replace("*", name, 1) if isinstance(form, str) else form


def _json(content: Section) -> str:
    """Return JSON: an entry of a list of widgets on each line, or all on one line."""
    if "widgets" not in content:
        return json.dumps(content, separators=(",", ":"))
    widgets = ",\n".join(f"  {json.dumps(widget)}" for widget in content["widgets"])
    return f'{{"widgets": [\n{widgets}\n]}}\n'


# Writing -----------------------------------------------------------------------------------------


class _Dumper(yaml.CSafeDumper):
    """Writes functions in short form, and no anchors, which CloudFormation does not read."""

    @override
    def ignore_aliases(self, data: object) -> bool:
        del data
        return True


def _represent_dict(dumper: yaml.CSafeDumper, data: Section) -> yaml.Node:
    if len(data) == 1:
        ((name, value),) = data.items()
        if name.startswith("Fn::") or (name in {"Ref", "Condition"} and isinstance(value, str)):
            node = dumper.represent_data(value)
            node.tag = f"!{name.removeprefix('Fn::')}"
            return node
    return dumper.represent_mapping("tag:yaml.org,2002:map", data.items())


def _represent_str(dumper: yaml.CSafeDumper, data: str) -> yaml.Node:
    style = "|" if "\n" in data else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", data, style=style)


_Dumper.add_representer(dict, _represent_dict)
_Dumper.add_representer(str, _represent_str)


def as_yaml(template: Section) -> str:
    """Write the template: a value that fits on one line is on one line."""
    text = io.StringIO()
    dumper = _Dumper(text, width=10_000, allow_unicode=True)
    dumper.open()
    node = dumper.represent_data(template)
    for _, section in node.value:
        _fold(section, 0, blocks=1)
    dumper.serialize(node)
    dumper.close()
    return HEADER + text.getvalue()


def _fold(node: yaml.Node, indent: int, blocks: int = 0) -> None:
    """Choose the style of each collection. The outermost `blocks` levels get a line per entry."""
    if not isinstance(node, yaml.CollectionNode):
        return
    node.flow_style = blocks == 0 and indent + _width(node) <= _LINE_CHARACTERS_MAX
    if node.flow_style:
        return
    inner = max(blocks - 1, 0)
    for entry in node.value:
        name, value = entry if isinstance(entry, tuple) else (None, entry)
        used = indent + 2 + (_width(name) + 2 if name else 0)
        # A collection that does not fit behind its name starts below it, two characters further.
        fits = not inner and used + _width(value) <= _LINE_CHARACTERS_MAX
        _fold(value, used if fits else indent + 2, inner)


def _width(node: yaml.Node) -> int:
    """Return the length of a node on one line, or the maximum if it needs several lines."""
    tag = len(node.tag) + 1 if node.tag.startswith("!") else 0
    if isinstance(node, yaml.ScalarNode):
        return _LINE_CHARACTERS_MAX if "\n" in node.value else tag + len(node.value) + 1
    entries = (
        sum(_width(part) for part in entry) + 2 if isinstance(entry, tuple) else _width(entry) + 2
        for entry in node.value
    )
    return tag + sum(entries) + 2


def main(arguments: list[str]) -> int:
    """Write template.yaml. With --check, fail unless it is up to date."""
    try:
        text = as_yaml(assembled())
    except SourceError as error:
        print(error, file=sys.stderr)
        return 1
    if arguments == ["--check"]:
        if TARGET.read_text(encoding="utf-8") != text:
            print("template.yaml is outdated: run make template", file=sys.stderr)
            return 1
        return 0
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
