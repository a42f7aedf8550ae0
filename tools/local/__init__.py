"""The whole service on this machine: the real template, built and deployed by the real SAM CLI.

AWS is MiniStack, an emulator; CloudFront is `edge`. `python -m tools.local` (`make run`) keeps a
stack up for a developer; the integration tests start their own through `LocalStack.start`.

MiniStack differs from AWS here, beyond what `routes` repairs: a function on a table's stream that
answers with batchItemFailures is taken to have succeeded, so that of a batch that could be relayed
in part the rest waits for the outbox's sweep. A batch that fails as a whole comes again, as on AWS.
"""
