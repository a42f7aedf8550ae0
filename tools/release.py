"""Derives `Release`, which identifies the template and the parameters of a deploy.

A function with an alias runs the version that the alias names, with that version's environment. SAM
publishes a version when the function's code or the text of its properties changes. It does not see
a new value of a parameter, so a deploy that changes one gives another `Release`.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from tools.profiles import effective
from tools.template import ROOT, load

if TYPE_CHECKING:
    from collections.abc import Mapping

PARAMETER = "Release"
_DIGITS = 16
"""Half of the parameter's 32 digits: one half is for visible values, one for secrets."""


def release_of(given: Mapping[str, str], deployed: Mapping[str, str]) -> str:
    """Return the release of a deploy. It is the same if nothing has changed.

    given     the values of the profile and the command line
    deployed  the running stack's parameters; hidden values are `****`
    """
    parameters = load()["Parameters"]
    hidden = {name for name, definition in parameters.items() if definition.get("NoEcho")}
    values = effective(given, deployed)
    shown = {
        name: value
        for name, value in values.items()
        if name in parameters and name not in hidden | {PARAMETER}
    }
    template = (ROOT / "template.yaml").read_text()
    secrets = {name: value for name, value in given.items() if name in hidden}
    of_secrets = _digest(secrets) if secrets else deployed.get(PARAMETER, "")[_DIGITS:]
    return _digest([template, shown]) + of_secrets


def _digest(value: object) -> str:
    text = json.dumps(value, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]
