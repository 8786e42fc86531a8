# SPDX-License-Identifier: MIT
"""Reads kgroup.h, so that ctypes calls what the header declares and nothing is written twice.

Not a C parser: it knows the few forms that the header uses (enums, structs, functions, pointers to
functions as parameters) and refuses what it does not know. What is added to the header is there
for the tests at once; what is declared and not exported fails where it is called.
"""
import ctypes
import re

BASE_TYPES = {
    "int": ctypes.c_int, "unsigned": ctypes.c_uint, "short": ctypes.c_short,
    "size_t": ctypes.c_size_t, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32,
    "int64_t": ctypes.c_int64, "uint64_t": ctypes.c_uint64, "void": None, "char": ctypes.c_char,
}
DECLARATOR = re.compile(r"^(\**)(\w+)((?:\[\w+\])?)$")
FUNCTION_POINTER = re.compile(r"^(.*?)\(\*(\w*)\)\((.*)\)$", re.S)


class Unreadable(ValueError):
    """The header has something that this module does not know."""


class Header:
    """constants, structs (by name without "kg_" in front of nothing: as in C), functions."""

    def __init__(self, path):
        text = path.read_text(encoding="utf-8")
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        self.constants = {name: int(value, 0) for name, value in
                          re.findall(r"^#define (KG_\w+)\s+\(?(-?\w+)\)?\s*$", text, re.M)
                          if value.lstrip("-").isdigit()}
        text = re.sub(r"^#(?:.*\\\n)*.*$", "", text, flags=re.M)
        text = text.replace('extern "C" {', "")
        self.structs, self.functions, self.enums = {}, {}, {}
        self._read_enums(text)
        self._read_structs(text)
        self._read_functions(text)

    # ---- declarations ----

    def _read_enums(self, text):
        for name, body in re.findall(r"enum (kg_\w+)\s*\{(.*?)\}\s*;", text, re.S):
            value, names = -1, {}
            for word in filter(None, map(str.strip, body.split(","))):
                key, _, given = map(str.strip, word.partition("="))
                value = int(given, 0) if given else value + 1
                names[key] = value
            self.enums[name] = {number: key for key, number in names.items()}
            self.constants.update(names)

    def _read_structs(self, text):
        for match in re.finditer(r"struct (kg_\w+)\s*(?=\{)", text):
            body = _braces(text, match.end())
            self.structs[match.group(1)] = type(match.group(1), (ctypes.Structure,),
                                                {"_fields_": list(self._fields(body))})

    def _fields(self, body):
        nested = re.compile(r"struct\s*\{(.*?)\}\s*(\w+)\s*;", re.S)
        while (match := nested.search(body)) is not None:
            yield from self._plain_fields(body[:match.start()])
            inner = type("nested", (ctypes.Structure,),
                         {"_fields_": list(self._plain_fields(match.group(1)))})
            yield match.group(2), inner
            body = body[match.end():]
        yield from self._plain_fields(body)

    def _plain_fields(self, body):
        """What has a size beside it ends nowhere by itself: a pointer, no text."""
        for declaration in filter(None, map(str.strip, body.split(";"))):
            base, first = _split_type(declaration.split(",")[0])
            for declarator in [first, *declaration.split(",")[1:]]:
                name, kind = self._field(base, declarator)
                yield name, ctypes.c_void_p if f" {name}_bytes;" in body else kind

    def _field(self, base, declarator):
        match = DECLARATOR.match(re.sub(r"\s|\bconst\b", "", declarator))
        if not match:
            raise Unreadable(f"field {base} {declarator}")
        stars, name, array = match.groups()
        kind = self._type(base, len(stars))
        return name, kind * int(array[1:-1]) if array else kind

    def _read_functions(self, text):
        for match in re.finditer(r"KG_API\s+([^;(]*?)(\**)(kg_\w+)\((.*?)\)\s*;", text, re.S):
            base, stars, name, parameters = match.groups()
            restype = self._type(_words(base)[0], len(stars) + base.count("*"))
            self.functions[name] = restype, [self._parameter(p) for p in _split(parameters)]

    def _parameter(self, text):
        pointer = FUNCTION_POINTER.match(text)
        if pointer:
            result, _, parameters = pointer.groups()
            return ctypes.CFUNCTYPE(self._type(_words(result)[0], result.count("*")),
                                    *map(self._parameter, _split(parameters)))
        base, declarator = _split_type(text)
        return self._type(base, declarator.count("*"))

    # ---- types ----

    def _type(self, base, n_stars):
        if base.startswith("enum "):
            kind = ctypes.c_int
        elif base.startswith("struct "):
            kind = self.structs.get(base.split()[1])  # None: opaque
        else:
            kind = BASE_TYPES[base]
        if base == "char" and n_stars:
            kind, n_stars = ctypes.c_char_p, n_stars - 1
        elif kind is None and n_stars:
            kind, n_stars = ctypes.c_void_p, n_stars - 1
        for _ in range(n_stars):
            kind = ctypes.POINTER(kind)
        return kind


def _braces(text, start):
    """What stands between the brace at `start` and its own closing one."""
    depth = 0
    for i in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[i], 0)
        if depth == 0:
            return text[start + 1:i]
    raise Unreadable("a brace that is not closed")


def _words(text):
    """[the base type with "struct" or "enum" in front] of a declaration's beginning."""
    words = re.sub(r"\bconst\b|\*", " ", text).split()
    return [" ".join(words[:2]) if words[0] in ("struct", "enum") else words[0]]


def _split_type(text):
    """("struct kg_x", "**name") of a declaration."""
    plain = re.sub(r"\bconst\b", " ", text).strip()
    match = re.match(r"((?:struct|enum)\s+\w+|\w+)\s*(.*)$", plain, re.S)
    return re.sub(r"\s+", " ", match.group(1)), re.sub(r"\s+", "", match.group(2))


def _split(parameters):
    """Parameters, at the commas that stand in no parentheses."""
    if parameters.strip() in ("", "void"):
        return []
    found, depth = [""], 0
    for character in parameters:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            found.append("")
        else:
            found[-1] += character
    return [p.strip() for p in found]
