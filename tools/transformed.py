"""template.yaml after SAM's transform.

It runs SAM's translator, which is installed in SAM's own environment.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from tools.template import ROOT, load

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PYTHON = ROOT / ".tools/sam/bin/python"

_TRANSLATE = """
import copy, json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
given = json.load(sys.stdin)
for parameters in given["parameters"]:
    template = copy.deepcopy(given["template"])
    print(json.dumps(Translator({}, Parser()).translate(template, parameters)))
"""


class TransformError(Exception):
    """SAM refuses the template. Has its message."""


def transformed(parameters: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """Transform the template with these parameters; also return its size in bytes.

    Conditions are not resolved.

    Raises TransformError.
    """
    (only,) = transformed_all([parameters])
    return only


def transformed_all(
    parameters: Sequence[Mapping[str, str]], template: Mapping[str, Any] | None = None
) -> list[tuple[dict[str, Any], int]]:
    """Transform the template for each set of parameters, in one process, which starts in a second.

    template  a template other than Latchkey's
    """
    template = json.loads(json.dumps(load() if template is None else template))
    for resource in template["Resources"].values():
        # `sam package` sets an address here, which the translator requires.
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = f"s3://artifacts/{'0' * 32}"
    given = json.dumps({"template": template, "parameters": [dict(each) for each in parameters]})
    region = os.environ.get("AWS_DEFAULT_REGION", "eu-west-1")
    done = subprocess.run(
        [PYTHON, "-c", _TRANSLATE],
        input=given,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "AWS_DEFAULT_REGION": region},
    )
    if done.returncode:
        raise TransformError(done.stderr.strip().splitlines()[-1])
    return [(json.loads(line), len(line.encode())) for line in done.stdout.splitlines()]
