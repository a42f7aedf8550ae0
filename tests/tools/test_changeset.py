"""Exactly the approved change set is executed."""

from __future__ import annotations

import pytest
from botocore.exceptions import WaiterError

from tests.support.recorded_aws import RecordedAws
from tools import changeset


def summary(name, at, status="AVAILABLE"):
    return {
        "ChangeSetId": f"arn:{name}",
        "CreationTime": f"2026-01-0{at}T00:00:00Z",
        "ExecutionStatus": status,
    }


def change(action, name, replacement=None):
    fields = {"Action": action, "LogicalResourceId": name, "ResourceType": "AWS::Lambda::Function"}
    if replacement:
        fields["Replacement"] = replacement
    return {"Type": "Resource", "ResourceChange": fields}


def stack(state):
    return {
        "Stacks": [{"StackName": "s", "StackStatus": state, "CreationTime": "2026-01-01T00:00:00Z"}]
    }


def client(**answers):
    aws = RecordedAws({f"cloudformation.{name}": answer for name, answer in answers.items()})
    return aws, aws.client("cloudformation")


def test_newest_pending_change_set_is_shown():
    summaries = [summary("a", 1), summary("c", 3, "EXECUTE_COMPLETE"), summary("b", 2)]
    _, cloudformation = client(ListChangeSets={"Summaries": summaries})
    assert changeset.newest(cloudformation, "s") == "arn:b"
    _, cloudformation = client(ListChangeSets={"Summaries": [summary("c", 3, "UNAVAILABLE")]})
    assert changeset.newest(cloudformation, "s") is None


def test_data_loss_is_listed_first():
    changes = [
        change("Modify", "AFunction", "False"),
        change("Modify", "Bucket", "Conditional"),
        change("Modify", "Table", "True"),
        change("Remove", "OldQueue"),
    ]
    _, cloudformation = client(DescribeChangeSet={"Changes": changes})
    lines = changeset.describe(cloudformation, "arn:b").splitlines()
    assert lines[0] == "4 changes"
    assert [line.split("|")[2].strip() for line in lines[4:]] == [
        "OldQueue",
        "Table",
        "Bucket",
        "AFunction",
    ]
    assert "**replaced**" in lines[5]


@pytest.mark.parametrize(
    ("before", "after"),
    [("REVIEW_IN_PROGRESS", "CREATE_COMPLETE"), ("UPDATE_COMPLETE", "UPDATE_COMPLETE")],
)
def test_named_change_set_is_executed(before, after):
    states = [before, after, after]
    aws, cloudformation = client(
        DescribeStacks=lambda _asked: stack(states.pop(0)), ExecuteChangeSet={}
    )
    assert changeset.execute(cloudformation, "s", "arn:b") == after
    executed = [params for name, _, params in aws.calls if name.endswith("ExecuteChangeSet")]
    assert executed == [{"ChangeSetName": "arn:b", "StackName": "s"}]


def test_rollback_is_a_failure():
    states = ["UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"]
    _, cloudformation = client(
        DescribeStacks=lambda _asked: stack(states.pop(0)), ExecuteChangeSet={}
    )
    with pytest.raises(WaiterError):
        changeset.execute(cloudformation, "s", "arn:b")


def test_show_outputs_the_change_set_for_the_workflow(monkeypatch, tmp_path, capsys):
    output = tmp_path / "output"
    monkeypatch.setenv("GITHUB_OUTPUT", str(output))
    _, cloudformation = client(ListChangeSets={"Summaries": []})
    monkeypatch.setattr(changeset.boto3, "client", lambda _name: cloudformation)
    assert changeset.main(["show", "s"]) == 0
    assert capsys.readouterr().out == "Nothing changes.\n"
    assert output.read_text() == "change_set=\n"
