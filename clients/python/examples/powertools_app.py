"""A Lambda function with Powertools, behind an HTTP API without an authorizer."""

from aws_lambda_powertools.event_handler import APIGatewayHttpResolver

from latchkey_client.powertools import signed_in
from verifier import make_verifier

app = APIGatewayHttpResolver()
protected = signed_in(make_verifier())


@app.get("/me", middlewares=[protected])
def me():
    """Return the account of the caller."""
    return {"account_id": app.context["caller"].account_id}


def handler(event, context):
    """Handle a request."""
    return app.resolve(event, context)
