"""Bodies of the caller's own sessions."""

from __future__ import annotations

from latchkey.http.bodies.fields import DeviceName
from latchkey.http.bodies.validation import Body


class RenameSessionBody(Body):
    """The name of a device, chosen by its owner."""

    device_name: DeviceName
