"""Development and operation tools. None of this is deployed."""

from __future__ import annotations

import sys
from pathlib import Path

# The layer is not an installed package: Lambda has it in /opt, tools import it from its folder.
sys.path.append(str(Path(__file__).parent.parent / "layers" / "shared"))
