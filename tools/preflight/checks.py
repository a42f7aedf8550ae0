"""The checks. Each examines one thing in the account and reports its effect on the deploy.

A check yields findings. It does not catch what `Account` raises: the runner turns a missing
permission into a warning that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tools.preflight import edge_checks, mail_checks, quota_checks, stack_checks
from tools.preflight.account import Account
from tools.preflight.findings import Finding
from tools.preflight.plan import Plan

type Check = Callable[[Account, Plan], Iterator[Finding]]

CHECKS: dict[str, Check] = {
    "stack": stack_checks.stack_state,
    "parameters": stack_checks.parameters,
    "leftovers": stack_checks.leftovers,
    "template": stack_checks.template_size,
    "mail sender": mail_checks.mail_sender,
    "mail account": mail_checks.mail_account,
    "mail configuration set": mail_checks.mail_configuration_set,
    "Lambda concurrency": quota_checks.lambda_concurrency,
    "IAM quotas": quota_checks.iam_quotas,
    "Parameter Store": quota_checks.parameter_throughput,
    "certificate": edge_checks.certificate,
    "DNS": edge_checks.dns,
    "aliases": edge_checks.aliases,
    "CloudFront names": edge_checks.cloudfront_names,
    "web ACL": edge_checks.web_acl,
    "audit key": edge_checks.audit_kms_key,
}
