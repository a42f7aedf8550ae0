"""Flask: `flask --app flask_app run` after setting the variables of README.md."""

from flask import Flask, g

from latchkey_client.flask import signed_in
from verifier import make_verifier

app = Flask(__name__)


@app.get("/me")
@signed_in(make_verifier())
def me():
    """Return the account of the caller."""
    return {"account_id": g.caller.account_id}
