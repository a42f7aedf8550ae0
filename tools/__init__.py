"""What the developers of Latchkey run: none of it is deployed."""

from __future__ import annotations

import sys
from pathlib import Path

# The layer is installed nowhere: Lambda finds it in /opt, the tools find it where it is written.
sys.path.append(str(Path(__file__).parent.parent / "layers" / "shared"))
