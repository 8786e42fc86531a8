# SPDX-License-Identifier: MIT
"""The tables of proto/*.def and the numbers of proto/limits.h, for Python.

Who makes documents, vectors or checks from the tables reads them through here. A row is written on
one line as MACRO(argument, ...); an argument is a word, a number, an expression or a "text".
"""
import re
from dataclasses import dataclass, field
from pathlib import Path

PROTO = Path(__file__).resolve().parent

_ARGUMENT = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]+)\s*(?:,|$)')


def rows(path, *macros):
    """(macro, [arguments]) of each row in the order of the file; texts without their quotes."""
    text = re.sub(r"/\*.*?\*/", "", Path(path).read_text(encoding="utf-8"), flags=re.S)
    for line in text.splitlines():
        match = re.fullmatch(r"([A-Z_]+)\((.*)\)", line.strip())
        if match and match[1] in macros:
            words = [word.strip() for word in _ARGUMENT.findall(match[2])]
            yield match[1], [_unquote(word) for word in words]


def _unquote(word):
    return re.sub(r"\\(.)", r"\1", word[1:-1]) if word.startswith('"') else word


def _limits():
    text = (PROTO / "limits.h").read_text(encoding="utf-8")
    found = {"0": 0, "INT32_MAX": 2**31 - 1, "INT64_MAX": 2**63 - 1, "UINT32_MAX": 2**32 - 1}
    for name, value in re.findall(r"^#define (KGP_\w+)[ \t]+([^/\n]+)", text, flags=re.M):
        left, _, shift = re.sub(r"[()]|(?<=[0-9a-f])u?ll|(?<=[0-9])u", "", value).partition("<<")
        found[name] = int(left, 0) << int(shift or "0")
    return found


LIMITS = _limits()


def number(word):
    """A number as the tables write it: by name or in digits."""
    return LIMITS[word] if word in LIMITS else int(word, 0)


@dataclass
class Field:
    name: str
    kind: str
    nil: bool
    raw: bool
    limit: int
    elem: str
    help: str


@dataclass
class Tuple:
    name: str
    shape: str
    help: str
    fields: list = field(default_factory=list)


@dataclass
class Message:
    name: str
    number: int
    side: str
    feature: str
    help: str
    fields: list = field(default_factory=list)


def _messages():
    owners = {}
    for macro, a in rows(PROTO / "messages.def", "KGP_TUPLE", "KGP_MESSAGE", "KGP_FIELD"):
        if macro == "KGP_TUPLE":
            owners[a[0]] = Tuple(*a)
        elif macro == "KGP_MESSAGE":
            owners[a[0]] = Message(a[0], int(a[1]), *a[2:])
        else:
            flags = a[3].split(" | ")
            owners[a[0]].fields.append(
                Field(a[1], a[2], "KGP_NIL" in flags, "KGP_RAW" in flags, number(a[4]), a[5], a[6])
            )
    return owners


_OWNERS = _messages()
TUPLES = {name: o for name, o in _OWNERS.items() if isinstance(o, Tuple)}
MESSAGES = {name: o for name, o in _OWNERS.items() if isinstance(o, Message)}
# Name in C, number, name, what it means, how to mend it.
ERRORS = [
    (a[0], int(a[1]), a[2], a[3], a[4]) for _, a in rows(PROTO / "errors.def", "KGP_ERROR")
]
# Name in C, number, name, help.
VERDICTS = [(a[0], int(a[1]), a[2], a[3]) for _, a in rows(PROTO / "verdicts.def", "KGP_VERDICT")]


@dataclass
class Setting:
    name: str
    level: str
    kind: str
    min: int
    max: int
    default: int
    choices: list
    help: str


SETTINGS = [
    Setting(*a[1:4], *map(int, a[4:7]), a[7].split("|") if a[7] else [], a[8])
    for _, a in rows(PROTO / "settings.def", "KGP_SETTING")
]
