"""`make deploy`: its steps in order, with the given values, and none after a failure."""

from __future__ import annotations

import json
import subprocess
import tomllib

import pytest

from tools import deploy as deploying
from tools import release
from tools.deploy import SAM, Steps, commands, deploy, next_step
from tools.profiles import SAMCONFIG, ProfileError, read_profile
from tools.publish_page import PageError, Published
from tools.template import ROOT, load

SENDER = "MailSender=accounts@example.com"


class Rehearsal:
    """The steps without AWS: notes each, and answers as it is told to."""

    def __init__(self, *, check=0, codes=(), page=None) -> None:
        self.codes, self._check, self._page = list(codes), check, page
        self.done: list[str] = []
        self.commands: list[list[str]] = []
        self.deployed: dict[str, str] = {}
        self.output: list[str] = []

    def steps(self):
        return Steps(
            run=self._run,
            deployed=lambda _profile: self.deployed,
            check=self._checks,
            publish=self._publish,
            outputs=self._outputs,
        )

    def _run(self, command):
        self.done.append(command[1])
        self.commands.append(list(command))
        return self.codes.pop(0) if self.codes else 0

    def _checks(self, _profile):
        self.done.append("check")
        return self._check

    def _publish(self, stack):
        self.done.append(f"publish {stack}")
        if isinstance(self._page, Exception):
            raise self._page
        return self._page

    def _outputs(self, _stack):
        return {"ApiUrl": "https://a1.execute-api.eu-west-1.amazonaws.com"}

    def deploy(self, **options):
        profile = read_profile("prod").with_values([SENDER])
        return deploy(profile, self.steps(), say=self.output.append, **options)


def test_deploy_runs_all_steps_and_prints_the_next_one():
    rehearsal = Rehearsal(page=Published(["index.html"], [], "I1"))
    assert rehearsal.deploy() == 0
    assert rehearsal.done == ["check", "build", "deploy", "publish latchkey"]
    output = "\n".join(rehearsal.output)
    assert "1 files uploaded" in output
    assert "make smoke URL=https://a1.execute-api" in output
    assert "make admin STACK=latchkey" in output


def test_failed_preflight_stops_before_the_build():
    rehearsal = Rehearsal(check=1)
    assert rehearsal.deploy() == 1
    assert rehearsal.done == ["check"]
    assert "Nothing was deployed" in rehearsal.output[0]


@pytest.mark.parametrize(
    ("codes", "done"),
    [([3], ["check", "build"]), ([0, 3], ["check", "build", "deploy"])],
)
def test_failed_step_stops_the_deploy(codes, done):
    rehearsal = Rehearsal(codes=codes)
    assert rehearsal.deploy() == 3
    assert rehearsal.done == done


def test_changeset_changes_nothing():
    rehearsal = Rehearsal()
    assert rehearsal.deploy(only_changeset=True) == 0
    assert rehearsal.done == ["check", "build", "deploy"]
    _, ship = commands(read_profile("prod"), yes=True, only_changeset=True)
    assert "--no-execute-changeset" in ship


def test_missing_page_is_a_failure_with_a_message():
    rehearsal = Rehearsal(page=PageError("run make page"))
    assert rehearsal.deploy() == 1
    assert rehearsal.output == ["run make page"]


def test_deploy_asks_before_it_executes_unless_confirmed():
    profile = read_profile("prod")
    assert "--no-confirm-changeset" not in commands(profile, yes=False, only_changeset=False)[1]
    assert "--no-confirm-changeset" in commands(profile, yes=True, only_changeset=False)[1]


def test_given_role_is_passed_to_cloudformation():
    _, ship = commands(read_profile("prod"), yes=True, only_changeset=True, role="arn:role")
    assert ship[ship.index("--role-arn") + 1] == "arn:role"


def test_build_gets_only_the_architecture():
    profile = read_profile("dev").with_values([SENDER, "Architecture=x86_64"])
    build, _ = commands(profile, yes=False, only_changeset=False)
    assert build[1:] == [
        "build",
        "--config-env",
        "dev",
        "--parameter-overrides",
        'Architecture="x86_64"',
    ]


def test_next_step_comes_from_the_stack():
    output = next_step(
        read_profile("dev"), {"Url": "https://d1.cloudfront.net", "NextStep": "Look."}
    )
    assert "https://d1.cloudfront.net" in output
    assert "Look." in output


def test_unknown_profile_is_an_error(capsys):
    assert deploying.main(["production"]) == 2
    assert "PROFILE is one of" in capsys.readouterr().err


def test_a_backslash_is_refused_because_sam_loses_it():
    with pytest.raises(ProfileError, match="backslash"):
        read_profile("dev").with_values(["ServiceName=a\\b"])


# The release, which tells SAM of a parameter's new value ----------------------------------------


def named_release(rehearsal, *values):
    profile = read_profile("prod").with_values([SENDER, *values])
    deploy(profile, rehearsal.steps(), say=str)
    (pair,) = [word for word in rehearsal.commands[-1] if word.startswith("Release=")]
    return pair.partition("=")[2].strip('"')


def test_the_same_deploy_is_the_same_release():
    rehearsal = Rehearsal()
    first = named_release(rehearsal, "EdgeSecret=hush")
    rehearsal.deployed = {
        "EdgeSecret": "****",
        "Release": first,
        "MailSender": "accounts@example.com",
    }
    assert named_release(rehearsal) == first
    assert "hush" not in first


@pytest.mark.parametrize("value", ["KeyEpoch=2", "EdgeSecret=other", "ServiceName=Ledger"])
def test_changed_value_is_a_new_release(value):
    rehearsal = Rehearsal()
    rehearsal.deployed = {"EdgeSecret": "****", "Release": "0" * 32}
    assert named_release(rehearsal, value) != named_release(rehearsal)


def test_unchanged_value_is_the_same_release():
    rehearsal = Rehearsal()
    rehearsal.deployed = {"KeyEpoch": "4", "Release": "0"}
    assert named_release(rehearsal, "KeyEpoch=4") == named_release(rehearsal)


def test_changed_template_is_a_new_release(monkeypatch, tmp_path):
    rehearsal = Rehearsal()
    before = named_release(rehearsal)
    (tmp_path / "template.yaml").write_text("changed")
    monkeypatch.setattr(release, "ROOT", tmp_path)
    assert named_release(rehearsal) != before


def test_named_release_is_kept():
    assert named_release(Rehearsal(), "Release=7") == "7"


# What SAM makes of it ----------------------------------------------------------------------------


def in_sam(program, given):
    """Run a program with SAM's own libraries."""
    done = subprocess.run(  # noqa: S603 - our own words
        [ROOT / ".tools/sam/bin/python", "-c", program],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


PARSED = """
import json, sys
from samcli.cli.types import CfnParameterOverridesType
pairs = json.load(sys.stdin)
kind, found = CfnParameterOverridesType(), {}
for pair in pairs:
    found.update(kind.convert(pair, None, None))
print(json.dumps(found))
"""

MERGED = """
import json, sys
from samcli.commands.deploy.deploy_context import DeployContext
given = json.load(sys.stdin)
print(json.dumps(DeployContext.merge_parameters(given["template"], given["overrides"])))
"""


def test_sam_reads_each_value_as_it_was_given():
    odd = {"ServiceName": 'Ada\'s "Ledger" = 1', "PublicUrl": "", "MailSender": "a+b@example.com"}
    profile = read_profile("hipaa").with_values([f"{n}={v}" for n, v in odd.items()])
    _, ship = commands(profile, yes=False, only_changeset=False)
    pairs = ship[ship.index("--parameter-overrides") + 1 :]
    assert in_sam(PARSED, pairs) == profile.parameters
    assert profile.parameters.items() >= odd.items()


def test_sam_keeps_other_values_of_the_stack():
    template = {"Parameters": {name: {} for name in load()["Parameters"]}}
    overrides = dict(read_profile("prod").with_values([SENDER]).parameters)
    merged = in_sam(MERGED, {"template": template, "overrides": overrides})
    kept = {each["ParameterKey"] for each in merged if each.get("UsePreviousValue")}
    assert kept == set(load()["Parameters"]) - set(overrides)


@pytest.mark.parametrize("name", ["dev", "prod", "hipaa"])
def test_profile_deploys_with_sam_alone(name):
    """What `sam deploy --config-env` takes without us: names that the template has, a stack, S3."""
    config = tomllib.loads(SAMCONFIG.read_text())[name]
    assert config["global"]["parameters"]["stack_name"]
    assert config["deploy"]["parameters"]["resolve_s3"] is True
    assert set(read_profile(name).parameters) <= set(load()["Parameters"])
    assert SAM.endswith("/sam")
