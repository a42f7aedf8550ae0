"""The local stack: the real template, built and deployed by the real SAM CLI.

MiniStack emulates AWS, and `edge` replaces CloudFront. `python -m tools.local` (`make run`) runs a
stack for a developer. Integration tests start their own with `LocalStack.start`.

One difference to AWS that no module repairs: MiniStack treats a function on a table's stream that
returns batchItemFailures as successful. The failed part of a batch waits for the outbox's sweep. A
batch that fails as a whole is retried, as on AWS.
"""
