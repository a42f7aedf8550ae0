"""One mailbox, as people, programs and input methods write it."""

from __future__ import annotations


def spellings(name: str) -> list[str]:
    """Write one mailbox at bücher.example in ten ways."""
    wide = str.maketrans({chr(code): chr(code + 0xFEE0) for code in range(0x21, 0x7F)})
    return [
        f"{name}@b\u00fccher.example",
        f"{name}@bu\u0308cher.example",
        f"{name}@xn--bcher-kva.example",
        f"{name.upper()}@B\u00dcCHER.EXAMPLE",
        f"{name.title()}@XN--BCHER-KVA.example",
        f"  {name}@b\u00fccher.example  ",
        f"\u00a0{name}@BU\u0308CHER.example\u3000",
        f"{name.translate(wide)}@b\u00fccher.example",
        f"{name}\uff20b\u00fccher\uff0eexample",
        f"{name}@b\u00fccher\u3002example",
    ]
