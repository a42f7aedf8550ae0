"""The whole service on this machine: the real template, built and deployed by the real SAM CLI.

AWS is MiniStack, an emulator; CloudFront is `edge`. `python -m tools.local` (`make run`) keeps a
stack up for a developer; the integration tests start their own through `LocalStack.start`.
"""
