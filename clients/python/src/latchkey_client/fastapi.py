"""A dependency of FastAPI."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import HTTPException, Request

from latchkey_client.verify import Caller, Refused, Verifier, one_header


def signed_in(verifier: Verifier) -> Callable[[Request], Awaitable[Caller]]:
    """Return a dependency that gives the caller, or answers 401 or 503."""

    async def caller(request: Request) -> Caller:
        try:
            return await verifier.verify_async(one_header(request.headers.getlist("authorization")))
        except Refused as refused:
            raise HTTPException(
                refused.status, detail=refused.body["error"], headers=refused.headers
            ) from None

    # FastAPI reads annotations in the module's names, and this one is a function's.
    caller.__annotations__ = {"request": Request, "return": Caller}
    return caller
