"""template.yaml as data: the source of routes, policies and environment variables."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
NO_AUTHORIZER = "NONE"
SIGNATURE = "AWS_IAM"


@dataclass(frozen=True, slots=True)
class Route:
    """One route of the HTTP API and the function behind it (its folder's name).

    authorized  it has the authorizer
    signed      API Gateway requires the signature of a role of AWS
    """

    method: str
    path: str
    function: str
    authorized: bool
    signed: bool = False

    @property
    def shape(self) -> tuple[str, str]:
        """The route without the names of its parameters: API Gateway has each shape once."""
        return shape(self.method, self.path)


def shape(method: str, path: str) -> tuple[str, str]:
    """Return a route without the names of its parameters."""
    return method, re.sub(r"{\w+}", "{}", path)


class Loader(yaml.CSafeLoader):
    """YAML with CloudFormation's short functions, parsed as `{"Fn::Sub": …}` and similar."""


def _construct(loader: yaml.CSafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    name = suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}"
    match node:
        case yaml.ScalarNode():
            return {name: loader.construct_scalar(node)}
        case yaml.SequenceNode():
            return {name: loader.construct_sequence(node, deep=True)}
        case yaml.MappingNode():
            return {name: loader.construct_mapping(node, deep=True)}
    raise TypeError(node)


Loader.add_multi_constructor("!", _construct)


@cache
def load() -> dict[str, Any]:
    """Read the template."""
    text = (ROOT / "template.yaml").read_text()
    template: dict[str, Any] = yaml.load(text, Loader=Loader)  # noqa: S506 - a SafeLoader
    return template


@cache
def functions() -> dict[str, dict[str, Any]]:
    """Return the properties of every Lambda function, by logical id."""
    resources = load()["Resources"].items()
    return {
        name: resource["Properties"]
        for name, resource in resources
        if resource["Type"] == "AWS::Serverless::Function"
    }


def folder(properties: dict[str, Any]) -> str:
    """Return the name of the folder that a function's code is in."""
    return Path(properties["CodeUri"]).name


@cache
def routes() -> tuple[Route, ...]:
    """Return every route, in the template's order."""
    found = []
    for properties in functions().values():
        for event in properties.get("Events", {}).values():
            if event["Type"] != "HttpApi":
                continue
            route = event["Properties"]
            authorizer = route.get("Auth", {}).get("Authorizer")
            found.append(
                Route(
                    method=route["Method"],
                    path=route["Path"],
                    function=folder(properties),
                    authorized=authorizer not in {NO_AUTHORIZER, SIGNATURE},
                    signed=authorizer == SIGNATURE,
                )
            )
    return tuple(found)
