"""An HTTP API behind the sessions of Latchkey, with the AWS CDK.

cdk deploy -c latchkey_authorizer_arn=arn:aws:lambda:…
"""

import aws_cdk as cdk
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_apigatewayv2_authorizers as authorizers
from aws_cdk import aws_apigatewayv2_integrations as integrations
from aws_cdk import aws_lambda as functions

HANDLER = """
import json

def handler(event, context):
    caller = event["requestContext"]["authorizer"]["lambda"]
    return {"statusCode": 200, "body": json.dumps({"account_id": caller["account_id"]})}
"""

app = cdk.App()
stack = cdk.Stack(app, "Doors")

latchkey = functions.Function.from_function_attributes(
    stack,
    "Latchkey",
    function_arn=app.node.get_context("latchkey_authorizer_arn"),
    same_environment=True,  # the same account and region, so the CDK adds the permission
)
function = functions.Function(
    stack,
    "Function",
    code=functions.Code.from_inline(HANDLER),
    handler="index.handler",
    runtime=functions.Runtime.PYTHON_3_13,
)
api = apigateway.HttpApi(
    stack,
    "Api",
    default_authorizer=authorizers.HttpLambdaAuthorizer(
        "Authorizer",
        latchkey,
        response_types=[authorizers.HttpLambdaResponseType.SIMPLE],
        # No caching: a session that is signed out ends on the next request. The CDK's default is
        # five minutes.
        results_cache_ttl=cdk.Duration.seconds(0),
        identity_source=[],
    ),
)
api.add_routes(
    path="/me",
    methods=[apigateway.HttpMethod.GET],
    integration=integrations.HttpLambdaIntegration("Me", function),
)
cdk.CfnOutput(stack, "Url", value=api.api_endpoint)
app.synth()
