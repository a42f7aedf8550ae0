"""The decorator of all dataclasses: for a type checker the standard one, at run time a lazy one.

    from latchkey.domain.values import dataclass, replace

docs/adr/0036-dataclasses-on-demand.md says why.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from latchkey.domain.lazy_dataclasses import field_names

if TYPE_CHECKING:
    from dataclasses import dataclass, field, is_dataclass, replace
else:
    from latchkey.domain.lazy_dataclasses import dataclass, field, is_dataclass, replace

__all__ = ["dataclass", "field", "field_names", "is_dataclass", "replace"]
