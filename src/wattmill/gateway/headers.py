"""Headers as a parser leaves them: names as they were sent, whose case means nothing."""

Headers = dict[bytes, bytes]
Name = tuple[bytes, bytes]
"""A name as HTTP libraries write it, in lower case and in title case."""

AUTHORIZATION: Name = (b"authorization", b"Authorization")
CONTENT_LENGTH: Name = (b"content-length", b"Content-Length")
CONTENT_TYPE: Name = (b"content-type", b"Content-Type")
EXPECT: Name = (b"expect", b"Expect")
TRANSFER_ENCODING: Name = (b"transfer-encoding", b"Transfer-Encoding")


def find_header(headers: Headers, name: Name) -> bytes:
    """The value of a header; empty when there is none."""
    lower, title = name
    value = headers.get(lower) or headers.get(title)
    if value is not None:
        return value
    for found, value in headers.items():
        if found.lower() == lower:
            return value
    return b""
