"""samconfig.toml's profiles: values of the command line are added, and none is reset."""

from __future__ import annotations

import subprocess

import pytest

from tools.profiles import (
    Profile,
    ProfileError,
    effective,
    given_to_make,
    parse_pairs,
    read_profile,
)
from tools.template import ROOT


def test_command_line_value_keeps_the_profiles_other_values():
    written = read_profile("hipaa")
    profile = written.with_values(["ServiceName=Ledger", "SessionIdleSeconds=600"])
    assert profile.parameters == {
        "Profile": "hipaa",
        "ServiceName": "Ledger",
        "SessionIdleSeconds": "600",
    }


def test_values_may_hold_spaces_and_equals_signs():
    assert parse_pairs(["ServiceName=Ada = Bob", "PublicUrl="]) == {
        "ServiceName": "Ada = Bob",
        "PublicUrl": "",
    }


@pytest.mark.parametrize("pair", ["ServiceName", "=x", "Service Name=x"])
def test_malformed_pair_is_refused(pair):
    with pytest.raises(ProfileError, match="KEY=VALUE"):
        parse_pairs([pair])


def test_earlier_value_is_not_reset():
    written = {"Profile": "prod", "LogRetentionDays": "365"}
    profile = Profile("prod", "latchkey", "eu-west-1", written, written)
    deployed = {**profile.parameters, "LogRetentionDays": "731", "ServiceName": "Ledger"}
    assert profile.differs_from(deployed) == {"LogRetentionDays": ("731", "365")}
    for decided in ("731", "400"):
        again = profile.with_values([f"LogRetentionDays={decided}"])
        assert again.differs_from(deployed) == {}
    assert profile.differs_from({}) == {}


def test_deploy_keeps_unnamed_values():
    values = effective({"LogRetentionDays": "365"}, {"ServiceName": "Ledger", "KeyEpoch": "4"})
    assert values["ServiceName"] == "Ledger"
    assert values["KeyEpoch"] == "4"
    assert values["LogRetentionDays"] == "365"
    assert values["SessionLimit"] == "50"


def test_the_local_profile_is_not_for_aws():
    with pytest.raises(ProfileError, match="dev, hipaa, prod"):
        read_profile("local")


def test_make_forwards_its_variables(tmp_path):
    makefile = tmp_path / "Makefile"
    line = next(
        line for line in (ROOT / "Makefile").read_text().splitlines() if line.startswith("GIVEN =")
    )
    makefile.write_text(f"{line}\nshow:\n\t@$(GIVEN) env\n")
    done = subprocess.run(  # noqa: S603 - our own words
        [
            "/usr/bin/env",
            "make",
            "-sf",
            makefile,
            "show",
            "PROFILE=prod",
            "ServiceName=Ada's app",
            "KeyEpoch=2",
        ],
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": "/usr/bin:/bin", "StrayName": "1"},
    )
    environment = dict(pair.split("=", 1) for pair in done.stdout.splitlines() if "=" in pair)
    assert sorted(given_to_make(environment)) == ["KeyEpoch=2", "ServiceName=Ada's app"]
