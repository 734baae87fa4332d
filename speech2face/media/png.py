"""PNG files without what they say in words: Pillow refuses a text of more than a megabyte.

Source: PNG (third edition), 5.3 "Chunk layout".
"""

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_XMP = b"iTXtXML:com.adobe.xmp\0\0"
"""What an XMP chunk begins with that is not compressed; a rotation may stand in it."""

_XMP_HEAD, _LONGEST_XMP = len(_XMP), 1 << 20
_FRAME = 12
"""Bytes of a chunk around its data: size, name and checksum."""


def without_texts(content: bytes) -> bytes:
    """Return a PNG without its text chunks; anything else as it is."""
    if not content.startswith(_SIGNATURE) or not any(name in content for name in _TEXTS):
        return content
    kept, position = [_SIGNATURE], len(_SIGNATURE)
    while position + 8 <= len(content):
        end = position + _FRAME + int.from_bytes(content[position : position + 4], "big")
        chunk = content[position + 4 : position + 4 + _XMP_HEAD]
        if chunk[:4] not in _TEXTS or (chunk == _XMP and end - position < _LONGEST_XMP):
            kept.append(content[position:end])
        position = end
    return b"".join(kept)
