"""A function that does nothing: what Python and Lambda's runtime client cost."""


def handler(event, context):
    """Return."""
    return {"isAuthorized": False, "context": {}}
