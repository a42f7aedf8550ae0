"""Checks of quotas that are low in new accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tools.preflight.findings import fails, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tools.preflight.account import Account
    from tools.preflight.findings import Finding
    from tools.preflight.plan import Plan


CONCURRENCY_TO_WORK = 50
"""Each authenticated request uses two executions. Six workers and schedules share the rest."""

UNRESERVED_MINIMUM = 100
"""Lambda refuses a reservation that leaves less for the other functions (Lambda quotas)."""

POLICIES_PER_ROLE = 10
"""IAM's default, for an account whose summary does not say."""


def lambda_concurrency(account: Account, plan: Plan) -> Iterator[Finding]:
    """Enough functions can run in parallel, also after the template's reservations."""
    limit = account.ask("lambda", "get_account_settings")["AccountLimit"]
    all_at_once = limit["ConcurrentExecutions"]
    reserved = _reserved(plan)
    if plan.deployed is None and reserved:
        left = limit["UnreservedConcurrentExecutions"] - reserved
        if left < UNRESERVED_MINIMUM:
            yield fails(
                f"The template reserves {reserved} executions, which leaves {left} of this "
                f"account's for the others; Lambda keeps {UNRESERVED_MINIMUM}. Ask for more, or "
                "deploy without the reservation."
            )
            return
    if all_at_once < CONCURRENCY_TO_WORK:
        yield warning(
            f"Lambda runs {all_at_once} functions at once here, as in every new account, and a "
            "signed-in request takes two: a page with six calls gets 503s. Ask for 1,000: "
            "`aws service-quotas request-service-quota-increase --service-code lambda "
            f"--quota-code L-B99A9384 --desired-value 1000 --region {account.region}`."
        )
        return
    yield ok(f"Lambda runs {all_at_once:,} functions at once here.")


def _reserved(plan: Plan) -> int:
    """Return the sum of the template's reservations."""
    total = 0
    for function in plan.resources("AWS::Lambda::Function").values():
        value = function["Properties"].get("ReservedConcurrentExecutions")
        if isinstance(value, dict) and (branches := value.get("Fn::If")):
            value = branches[1]
        if isinstance(value, dict) and isinstance(name := value.get("Ref"), str):
            value = plan.values.get(name, "0")
        if isinstance(value, int | str) and str(value).isdigit():
            total += int(value)
    return total


def iam_quotas(account: Account, plan: Plan) -> Iterator[Finding]:
    """The account has room for the roles, and the roles for their policies."""
    summary = account.ask("iam", "get_account_summary")["SummaryMap"]
    roles = plan.resources("AWS::IAM::Role")
    most = summary.get("AttachedPoliciesPerRoleQuota", POLICIES_PER_ROLE)
    over = {
        name: count
        for name, role in roles.items()
        if (count := len(role["Properties"].get("ManagedPolicyArns", []))) > most
    }
    if over:
        named = ", ".join(f"{name} ({count})" for name, count in sorted(over.items()))
        yield fails(
            f"A role of this account takes {most} managed policies, and these have more: {named}. "
            "Ask for more (IAM, quota L-0DA4ABF3)."
        )
    quotas = [("roles", roles, "RolesQuota", "Roles")]
    policies = plan.resources("AWS::IAM::ManagedPolicy")
    quotas.append(("managed policies", policies, "PoliciesQuota", "Policies"))
    short = False
    for what, ours, quota, used in quotas:
        left = summary.get(quota, len(ours)) - summary.get(used, 0)
        if plan.deployed is None and left < len(ours):
            short = True
            yield fails(
                f"The stack has {len(ours)} {what} and this account has room for {left}: remove "
                "some, or ask for more (IAM, Service Quotas)."
            )
    if not over and not short:
        yield ok(f"{len(roles)} roles, each with at most {most} managed policies, fit.")


def parameter_throughput(account: Account, _plan: Plan) -> Iterator[Finding]:
    """Parameter Store can serve parallel cold starts."""
    found = account.ask(
        "ssm",
        "get_service_setting",
        SettingId="/ssm/parameter-store/high-throughput-enabled",
    )
    if found["ServiceSetting"]["SettingValue"] == "true":
        yield ok("Parameter Store's higher throughput is on.")
        return
    yield warning(
        "Parameter Store answers 40 reads a second here: more cold starts at once than that wait. "
        "For production: `aws ssm update-service-setting --setting-id "
        f"/ssm/parameter-store/high-throughput-enabled --setting-value true --region "
        f"{account.region}` (it is billed by request)."
    )
