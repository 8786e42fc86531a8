# SPDX-License-Identifier: MIT
"""Messages of the protocol as named tuples, from the project's own tables in proto/*.def.

The table is shared with the daemon; the bytes are not: framing and msgpack are done here and by
PyPI's msgpack, so a mistake in our codec does not cancel itself out. Decoding is strict about what
the page promises (known type, no missing field) and lenient about what it allows to grow (further
fields at the end).
"""
import collections
import re
import struct
from pathlib import Path

import msgpack

PROTO = Path(__file__).resolve().parents[2] / "proto"
HEADER = struct.Struct(">BI")
UINT32_MARK = 0xCE
ADVISORY = 128  # types from here on may be ignored by who does not know them


class ProtocolBroken(AssertionError):
    """The daemon sent what the protocol does not allow."""


def _rows(table, macro):
    """The arguments of each `macro(a, b, ...)` of a table that stands before any text argument."""
    text = re.sub(r"/\*.*?\*/", "", (PROTO / table).read_text(encoding="utf-8"), flags=re.S)
    for arguments in re.findall(rf"^{macro}\(([^\"]*)", text, flags=re.M):
        yield [word.strip() for word in arguments.split(",")]


def _tuples():
    names = [row[0] for row in _rows("messages.def", "KGP_TUPLE")]
    return {name: _fields(name) for name in names}


def _fields(owner):
    return [row[1] for row in _rows("messages.def", "KGP_FIELD") if row[0] == owner]


_ELEMENTS = _tuples()
NUMBERS = {row[0]: int(row[1]) for row in _rows("messages.def", "KGP_MESSAGE")}
SENDERS = {row[0]: row[2] for row in _rows("messages.def", "KGP_MESSAGE")}
TYPES = {number: collections.namedtuple(name, _fields(name)) for name, number in NUMBERS.items()}
ERRORS = {row[0]: int(row[1]) for row in _rows("errors.def", "KGP_ERROR")}
ERROR_NAMES = {number: name for name, number in ERRORS.items()}
VERDICTS = {row[0]: int(row[1]) for row in _rows("verdicts.def", "KGP_VERDICT")}

Record = collections.namedtuple("Record", _ELEMENTS["record"])
Partitions = collections.namedtuple("Partitions", _ELEMENTS["partitions"])


def limit(name):
    """A number of proto/limits.h, such as limit("FRAME_MAX_CLIENT")."""
    text = (PROTO / "limits.h").read_text(encoding="utf-8")
    value = re.search(rf"#define KGP_{name}\s+\(?([^/)\n]+)", text).group(1).replace("u", "")
    left, _, shift = value.partition("<<")
    return int(left, 0) << int(shift or "0", 0)


def frame(body):
    """Body bytes as they go on the wire."""
    return HEADER.pack(UINT32_MARK, len(body)) + body


def encode(name, *fields):
    return frame(msgpack.packb([NUMBERS[name], *fields], use_bin_type=True))


def decode(body):
    """The named tuple of a body; None for an advisory one that is not in the table."""
    values = msgpack.unpackb(body, raw=False, strict_map_key=False)
    number, fields = values[0], values[1:]
    kind = TYPES.get(number)
    if kind is None and number >= ADVISORY:
        return None
    if kind is None or SENDERS[kind.__name__] != "DAEMON":
        raise ProtocolBroken(f"the daemon sent a message of type {number}")
    if len(fields) < len(kind._fields):
        raise ProtocolBroken(f"{kind.__name__} lacks fields: {fields!r}")
    return kind(*fields[:len(kind._fields)])


def cut(buffer):
    """Takes one whole body out of a bytearray, or returns None."""
    if len(buffer) < HEADER.size:
        return None
    mark, n_bytes = HEADER.unpack_from(buffer)
    if mark != UINT32_MARK:
        raise ProtocolBroken(f"a frame begins with 0x{mark:02x}")
    end = HEADER.size + n_bytes
    if len(buffer) < end:
        return None
    body = bytes(memoryview(buffer)[HEADER.size:end])
    del buffer[:end]
    return body
