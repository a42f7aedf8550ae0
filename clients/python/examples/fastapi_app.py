"""FastAPI: `uvicorn fastapi_app:app` after setting the variables of README.md."""

from typing import Annotated

from fastapi import Depends, FastAPI

from latchkey_client.fastapi import signed_in
from latchkey_client.verify import Caller
from verifier import make_verifier

SignedIn = Annotated[Caller, Depends(signed_in(make_verifier()))]
app = FastAPI()


@app.get("/me")
async def me(caller: SignedIn):
    """Return the account of the caller."""
    return {"account_id": caller.account_id}
