"""GitHub's workflows: pinned actions, least privilege, and existing commands."""

from __future__ import annotations

import ast
import re
import sys
from fnmatch import fnmatchcase

import pytest
import yaml

from tests.support.heavy import HEAVY, LONGEST
from tools.preflight.account import permission
from tools.template import ROOT, Loader

WORKFLOWS = {path.stem: path for path in (ROOT / ".github/workflows").glob("*.yml")}
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}")


def read(name):
    return yaml.safe_load(WORKFLOWS[name].read_text())


def jobs():
    return [(w, name, job) for w in WORKFLOWS for name, job in read(w)["jobs"].items()]


def steps():
    return [(w, name, step) for w, name, job in jobs() for step in job.get("steps", [])]


def role(name):
    template = yaml.load((ROOT / "deploy/github-oidc.yaml").read_text(), Loader=Loader)  # noqa: S506
    return template["Resources"][name]["Properties"]


def allowed(name):
    statements = [s for p in role(name)["Policies"] for s in p["PolicyDocument"]["Statement"]]
    return [action for statement in statements for action in statement["Action"]]


def test_expected_workflows_exist():
    assert set(WORKFLOWS) == {"check", "codeql", "deploy", "release", "slow"}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_action_is_pinned_by_its_commit_and_says_its_version(workflow):
    lines = [line for line in WORKFLOWS[workflow].read_text().splitlines() if "uses:" in line]
    foreign = [line for line in lines if "uses: ./" not in line]
    assert foreign
    for line in foreign:
        used, _, version = line.partition("uses: ")[2].partition(" # ")
        assert PINNED.fullmatch(used), line
        assert re.fullmatch(r"v\d+\.\d+\.\d+", version), line


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_workflow_token_can_only_read_the_source(workflow):
    assert read(workflow)["permissions"] == {"contents": "read"}


def test_only_a_job_of_an_environment_gets_an_identity_for_aws():
    for _, name, job in jobs():
        granted = job.get("permissions", {})
        assert ("id-token" in granted) is ("environment" in job), name


def test_only_two_jobs_may_write():
    """The release makes a release, the scan uploads its findings."""
    writing = {
        (workflow, name, permission)
        for workflow, name, job in jobs()
        for permission, access in job.get("permissions", {}).items()
        if access == "write" and permission != "id-token"
    }
    assert writing == {
        ("codeql", "analyze", "security-events"),
        ("release", "publish", "contents"),
    }


def test_release_job_installs_nothing():
    publish = read("release")["jobs"]["publish"]
    assert publish["needs"] == "check"
    used = {step["uses"].partition("@")[0] for step in publish["steps"] if "uses" in step}
    assert used == {"actions/checkout", "actions/setup-python"}
    source = (ROOT / "tools/release_notes.py").read_text()
    imported = set(re.findall(r"^(?:from|import) (\w+)", source, re.MULTILINE))
    assert imported <= sys.stdlib_module_names


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_every_job_has_a_timeout(workflow):
    for name, job in read(workflow)["jobs"].items():
        assert "uses" in job or job["timeout-minutes"] < 360, name


def test_scripts_contain_no_untrusted_expressions():
    for _, name, step in steps():
        assert "${{" not in step.get("run", ""), f"{name}: pass it in env"


def test_a_checkout_leaves_no_token_behind():
    checkouts = [step for _, _, step in steps() if "actions/checkout" in step.get("uses", "")]
    assert len(checkouts) == 6
    assert all(step["with"] == {"persist-credentials": False} for step in checkouts)


def test_every_used_make_target_exists():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    called = {
        target
        for _, _, step in steps()
        for target in re.findall(r"make ([a-z-]+)", step.get("run", ""))
    }
    called |= set(read("slow")["jobs"]["run"]["strategy"]["matrix"]["target"])
    assert called == {
        *("changeset", "check", "docs", "execute", "publish-page", "release-notes", "smoke"),
        *("coverage", "mutate", "test", "test-full"),
    }
    assert called <= targets


def test_release_executes_the_approved_change_set_after_the_checks():
    release = read("deploy")["jobs"]
    assert release["check"]["uses"] == "./.github/workflows/check.yml"
    assert release["plan"]["needs"] == "check"
    assert release["deploy"]["needs"] == "plan"
    assert release["deploy"]["environment"] == "${{ inputs.profile }}"
    assert release["plan"]["environment"] == "${{ inputs.profile }}-plan"
    runs = [step.get("run", "") for step in release["deploy"]["steps"]]
    order = [runs.index(run) for run in runs if run.startswith("make ")]
    assert [runs[i].split()[1] for i in order] == ["execute", "publish-page", "smoke"]


@pytest.mark.parametrize(
    ("name", "environment"), [("PlanRole", "${Profile}-plan"), ("DeployRole", "${Profile}")]
)
def test_a_role_trusts_one_environment_of_one_repository(name, environment):
    (statement,) = role(name)["AssumeRolePolicyDocument"]["Statement"]
    subject = "repo:${Repository}:environment:" + environment
    assert statement["Condition"] == {
        "StringEquals": {
            "token.actions.githubusercontent.com:aud": "sts.amazonaws.com",
            "token.actions.githubusercontent.com:sub": {"Fn::Sub": subject},
        }
    }


def test_planning_changes_nothing_but_change_sets_and_the_build():
    changing = [
        action for action in allowed("PlanRole") if not re.match(r"\w+:(Get|List|Describe)", action)
    ]
    assert sorted(set(changing)) == [
        "cloudformation:CreateChangeSet",
        "iam:PassRole",
        "s3:PutObject",
    ]


def test_planning_may_ask_everything_that_preflight_asks():
    requested = set()
    for path in (ROOT / "tools/preflight").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Tuple) and node.elts:
                arguments = [e.value for e in node.elts if isinstance(e, ast.Constant)]
                requested |= {
                    ("cloudfront", w) for w in arguments if re.match(r"list_\w+$", str(w))
                }
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            arguments = [a.value for a in node.args[:2] if isinstance(a, ast.Constant)]
            if node.func.attr in {"ask", "find", "list_all"} and len(arguments) == 2:
                requested.add(tuple(arguments))
    requested.discard(("sts", "get_caller_identity"))  # needs no permission
    needed = {permission(service, camel(operation)) for service, operation in requested}
    assert len(needed) >= 18
    missing = {action for action in needed if not granted(action, allowed("PlanRole"))}
    assert missing == set()


def granted(action, actions):
    return any(fnmatchcase(action, pattern) for pattern in actions)


def camel(operation):
    special = {"acl": "ACL"}
    return "".join(special.get(word, word.capitalize()) for word in operation.split("_"))


def test_execution_role_is_for_cloudformation_only():
    (statement,) = role("ExecutionRole")["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudformation.amazonaws.com"}
    assert "iam:*" not in allowed("ExecutionRole")
    assert not [a for a in allowed("ExecutionRole") if a in {"*", "dynamodb:*", "s3:*", "ssm:*"}]


# The rest of .github -----------------------------------------------------------------------------


def forms():
    paths = (ROOT / ".github/ISSUE_TEMPLATE").glob("*.yml")
    return {path.stem: yaml.safe_load(path.read_text()) for path in paths}


def test_issue_forms_are_valid_and_link_the_security_policy():
    assert forms()["config"] == {"blank_issues_enabled": False}
    for name in ("bug", "feature"):
        form = forms()[name]
        assert form["name"]
        assert form["description"]
        ids = [part["id"] for part in form["body"] if part["type"] != "markdown"]
        assert len(set(ids)) == len(ids)
        assert all(part["type"] in TYPES for part in form["body"])
    assert "SECURITY.md" in str(forms()["bug"]["body"])


TYPES = {"markdown", "textarea", "input", "dropdown", "checkboxes"}


def test_dependabot_covers_every_dependency_file():
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    watched = {
        (update["package-ecosystem"], directory)
        for update in updates
        for directory in update.get("directories", [update.get("directory")])
    }
    locks = {
        str(path.parent.relative_to(ROOT))
        for path in (*ROOT.glob("*/package-lock.json"), *ROOT.glob("*/*/package-lock.json"))
    }
    assert {directory.strip("/") for kind, directory in watched if kind == "npm"} == locks
    assert {("pip", "/requirements"), ("github-actions", "/")} <= watched


@pytest.mark.parametrize(("name", "layer"), [("runtime", "shared"), ("media", "media")])
def test_layers_install_locked_dependencies(name, layer):
    locked = (ROOT / f"requirements/{name}.txt").read_text()
    assert (ROOT / f"layers/{layer}/requirements.txt").read_text() == locked, "run `make lock`"


def test_owners_own_files_that_exist():
    lines = (ROOT / ".github/CODEOWNERS").read_text().splitlines()
    rules = [line.split() for line in lines if line and not line.startswith("#")]
    assert rules[0][0] == "*"
    for path, *owners in rules[1:]:
        assert (ROOT / path.lstrip("/")).exists(), path
        assert all(re.fullmatch(r"@[\w-]+/[\w-]+", owner) for owner in owners)


def test_no_file_of_github_names_a_path_of_a_machine_or_a_registry():
    for path in (ROOT / ".github").rglob("*"):
        if path.is_file():
            found = re.findall(r"(?:/home/|/root/|/work/|/tmp/|pypi|npmjs)\S*", path.read_text())
            assert found == [], path.name


def test_every_heavy_and_long_file_exists():
    missing = [name for name in HEAVY.union(LONGEST) if not (ROOT / "tests" / name).is_file()]
    assert missing == [], "the file has another name: change tests/support/heavy.py"
