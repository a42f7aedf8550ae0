"""template.yaml as CloudFormation gets it: SAM's resources turned into CloudFormation's.

By SAM's own translator, which lives in SAM's environment and not in ours.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING, Any

from tools.template import ROOT, load

if TYPE_CHECKING:
    from collections.abc import Mapping

PYTHON = ROOT / ".tools/sam/bin/python"

_TRANSLATE = """
import json, sys
from samtranslator.parser.parser import Parser
from samtranslator.translator.translator import Translator
given = json.load(sys.stdin)
print(json.dumps(Translator({}, Parser()).translate(given["template"], given["parameters"])))
"""


class TransformError(Exception):
    """SAM does not take the template; carries what it says."""


def transformed(parameters: Mapping[str, str]) -> tuple[dict[str, Any], int]:
    """Transform the template with these parameters; also return its size in bytes.

    Conditions stay as they are: CloudFormation decides them.

    Raises TransformError.
    """
    template = json.loads(json.dumps(load()))
    for resource in template["Resources"].values():
        # `sam package` puts an address here; the translator asks for one.
        for name in ("CodeUri", "ContentUri"):
            if name in resource.get("Properties", {}):
                resource["Properties"][name] = f"s3://artifacts/{'0' * 32}"
    given = json.dumps({"template": template, "parameters": dict(parameters)})
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
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer, len(done.stdout.encode())
