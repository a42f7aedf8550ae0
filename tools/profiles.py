"""The profiles of samconfig.toml, merged with the command line and a stack's values."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tools.template import ROOT, load

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SAMCONFIG = ROOT / "samconfig.toml"
_PAIR = re.compile(r"([A-Za-z][A-Za-z0-9]*)=(.*)", re.DOTALL)


class ProfileError(Exception):
    """The request is contradictory. The message says how to repair it."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A profile: its stack and region, and the parameters that it sets.

    parameters  the profile's own, and those of the command line over them
    """

    name: str
    stack: str
    region: str
    parameters: Mapping[str, str]
    written: Mapping[str, str]
    """The values of samconfig.toml, without the command line."""

    def with_values(self, pairs: Iterable[str]) -> Profile:
        """Set `KEY=VALUE` pairs over the profile's own. The others stay as they are.

        Raises ProfileError for what the template does not have.
        """
        given = parse_pairs(pairs)
        unknown = sorted(set(given) - set(load()["Parameters"]))
        if unknown:
            raise ProfileError(
                f"The template has no parameter {', '.join(unknown)}. "
                "`make deploy` takes the names in template.yaml's Parameters."
            )
        return replace(self, parameters={**self.parameters, **given})

    def differs_from(self, deployed: Mapping[str, str]) -> dict[str, tuple[str, str]]:
        """Return the parameters that this deploy would change unintentionally.

        A stack can have a value from an earlier command line, for a parameter that the
        profile sets to something else. Neither value is obviously the right one.

        deployed  the running stack's parameters

        Returns for each the stack's value and the profile's.
        """
        return {
            name: (deployed[name], value)
            for name, value in self.written.items()
            if self.parameters[name] == value and deployed.get(name, value) != value
        }


def read_profile(name: str, path: Path = SAMCONFIG) -> Profile:
    """Read a profile. Raises ProfileError."""
    config: dict[str, Any] = tomllib.loads(path.read_text())
    names = sorted(key for key in config if key not in {"version", "default", "local"})
    if name not in names:
        raise ProfileError(f"PROFILE is one of {', '.join(names)}, not {name!r}.")
    place = config[name]["global"]["parameters"]
    written = parse_pairs(config[name]["deploy"]["parameters"].get("parameter_overrides", []))
    return Profile(name, place["stack_name"], place["region"], written, written)


def parse_pairs(pairs: Iterable[str]) -> dict[str, str]:
    """Read `KEY=VALUE` pairs. The last value of a name applies. Raises ProfileError."""
    found = {}
    for pair in pairs:
        match = _PAIR.fullmatch(pair)
        if match is None:
            raise ProfileError(f"{pair!r} is not KEY=VALUE.")
        if "\\" in match[2]:
            raise ProfileError(f"SAM can't take the backslash in {match[1]}'s value.")
        found[match[1]] = match[2]
    return found


def given_to_make(environment: Mapping[str, str]) -> list[str]:
    """Return the `KEY=VALUE` pairs of make's command line.

    GIVEN has the names. Those in capitals are make's own, such as PROFILE.
    """
    names = environment.get("GIVEN", "").split()
    return [f"{name}={environment[name]}" for name in names if not name.isupper()]


def effective(parameters: Mapping[str, str], deployed: Mapping[str, str]) -> dict[str, str]:
    """Return the value of each parameter after a deploy: given, else deployed, else default."""
    values = {
        name: str(definition["Default"])
        for name, definition in load()["Parameters"].items()
        if "Default" in definition
    }
    return {**values, **deployed, **parameters}
