"""Bodies of a person's own sessions."""

from __future__ import annotations

from latchkey.http.bodies.fields import DeviceName
from latchkey.http.bodies.validation import Body


class RenameSessionBody(Body):
    """A name by which its owner knows a device."""

    device_name: DeviceName
