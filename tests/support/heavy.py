"""The files that `make test-fast` leaves out: each takes longer than its share of two minutes.

They run in `make test`. What is too long for that, too, is marked `slow`.
"""

from __future__ import annotations

HEAVY = frozenset(
    {
        # one process of Python, or of SAM, for each case
        "contract/test_imports.py",
        "contract/test_buckets_and_mail.py",
        "contract/test_edge.py",
        "contract/test_key_access.py",
        "contract/test_openapi.py",
        "contract/test_permissions.py",
        "contract/test_public_address.py",
        "contract/test_transformed_template.py",
        "storage/test_audit_keys.py",
        # thousands of requests, generated requests, interleavings and crashes
        "contract/test_limits.py",
        "functions/test_audit_campaigns.py",
        "functions/test_audit_chain.py",
        "functions/test_audit_shards.py",
        "functions/test_bad_input.py",
        "functions/test_brute_force.py",
        "functions/test_erasure.py",
        "functions/test_export_contents.py",
        "functions/test_export_scale.py",
        "functions/test_generated_requests.py",
        "functions/test_interleavings.py",
        "functions/test_interleavings_account.py",
        "functions/test_interleavings_sign_in.py",
        "functions/test_interleavings_states.py",
        "functions/test_limits_by_mail.py",
        "functions/test_login_codes.py",
        "functions/test_mail_pace.py",
        "functions/test_session_machine.py",
        # Argon2, pictures and lists of passwords at their real cost
        "unit/test_password_policy.py",
        "unit/test_passwords.py",
        "unit/test_picture_campaign.py",
        # threads and timeouts
        "storage/test_peppers.py",
        "storage/test_unavailable.py",
    }
)

LONGEST = (
    "functions/test_interleavings_states.py",
    "functions/test_interleavings.py",
    "functions/test_interleavings_account.py",
    "functions/test_interleavings_sign_in.py",
    "functions/test_erasure.py",
    "contract/test_transformed_template.py",
    "contract/test_imports.py",
    "contract/test_permissions.py",
    "functions/test_generated_requests.py",
    "functions/test_brute_force.py",
    "contract/test_openapi.py",
    "tools/test_new_endpoint.py",
)
"""The files that take more than half a minute, longest first."""
