# SPDX-License-Identifier: MIT
"""libkgroup by ctypes: a class per handle, a method per function, as the header has it.

Types and constants are read from kgroup.h (header.py). A method takes and gives Python's values; an
answer below 0 is raised as KgError with the library's own text. Calls that may block go through
`run`, which the owner of a handle may replace, so that others can be served meanwhile. Nothing here
decides anything: what a careful program does with it is in peers.py.
"""
import collections
import ctypes
from pathlib import Path

from harness.client import Refused
from harness.header import Header

ROOT = Path(__file__).resolve().parents[2]
CLAIM_NUMBERS = ("partition", "paused", "initial", "start", "committed", "high", "marked")

Message = collections.namedtuple("Message", [
    "topic", "partition", "offset", "timestamp_type", "timestamp", "key", "value", "headers",
    "raw"])  # raw: the struct, for marks; its pointers are not followed any more
Claim = collections.namedtuple("Claim", ["topic", "metadata", *CLAIM_NUMBERS])
Event = collections.namedtuple("Event", [
    "type", "topic", "partition", "request", "dwell_ms", "context", "code", "name", "text",
    "notification", "claimed", "released", "current"])


class KgError(Refused):
    """A call answered below 0. name: as the daemon's errors are called, without KG_ERR_."""

    def __init__(self, name, code, text="", hint=""):  # pylint: disable=super-init-not-called
        self.name, self.code, self.text, self.hint, self.fatal = name, code, text, hint, False
        Exception.__init__(self, f"{name}: {text} {hint}".rstrip())


class NotExported(AssertionError):
    """kgroup.h does not declare it, or the library does not export it."""


def in_place(function, *args):
    return function(*args)


def text_or_none(value):
    return None if value is None else value.decode()


def encoded(value):
    return None if value is None else str(value).encode()


def copied(pointer, n_bytes):
    """The bytes that a pointer and a size name; None for NULL."""
    return None if pointer is None else ctypes.string_at(pointer, n_bytes)


class Library:
    """libkgroup.so of a build."""

    def __init__(self, builddir):
        self.header = Header(ROOT / "client-lib/c/include/kgroup.h")
        self.shared = ctypes.CDLL(str(Path(builddir) / "client-lib/c/libkgroup.so.0"))
        self.constants, self.structs = self.header.constants, self.header.structs
        self.error_names = {number: name.removeprefix("KG_ERR_") for number, name
                            in self.header.enums["kg_err"].items()}

    def __getattr__(self, name):
        """The function of that name, with its types."""
        if not name.startswith("kg_"):
            raise AttributeError(name)
        if name not in self.header.functions:
            raise NotExported(f"kgroup.h declares no {name}()")
        function = getattr(self.shared, name, None)
        if function is None:
            raise NotExported(f"libkgroup does not export {name}()")
        function.restype, function.argtypes = self.header.functions[name]
        self.__dict__[name] = function
        return function

    def struct(self, name, *values):
        return self.structs[name](*values)

    def raised(self, code, error=None):
        """The exception of an answer, with the text of a kg_error if there is one."""
        text = error.text.decode(errors="replace") if error is not None else ""
        hint = error.hint.decode(errors="replace") if error is not None else ""
        return KgError(self.error_names.get(code, str(code)), code, text, hint)

    def places(self, array, n):
        return sorted((array[i].topic.decode(), array[i].partition) for i in range(n))

    # ---- messages ----

    def message(self, raw):
        """A copy of all of it."""
        headers = [self._header(raw, i) for i in range(raw.n_headers)]
        kept = type(raw)()
        ctypes.pointer(kept)[0] = raw
        return Message(raw.topic.decode(), raw.partition, raw.offset, raw.timestamp_type,
                       raw.timestamp_ms, copied(raw.key, raw.key_bytes),
                       copied(raw.value, raw.value_bytes), headers, kept)

    def _header(self, raw, i):
        header = self.struct("kg_header")
        code = self.kg_message_get_header(raw, i, header)
        assert code == 0, f"header {i} of {raw.n_headers}: {code}"
        name = copied(header.name, header.name_bytes)
        try:
            name = name.decode()
        except UnicodeDecodeError:
            pass
        return name, copied(header.value, header.value_bytes)

    def claim(self, raw):
        metadata = copied(raw.metadata, raw.metadata_bytes)
        return Claim(raw.topic.decode(), metadata,
                     *(getattr(raw, name) for name in CLAIM_NUMBERS))


class Options:
    """Settings as keywords; dots are written as underscores."""

    def __init__(self, library, **settings):
        self.library, self.handle = library, library.kg_options_new()
        assert self.handle
        try:
            for name, value in settings.items():
                self.set(name.replace("_", "."), value)
        except BaseException:
            self.free()
            raise

    def set(self, name, value):
        if isinstance(value, bool):
            value = "yes" if value else "no"
        error = self.library.struct("kg_error")
        code = self.library.kg_options_set(self.handle, name.encode(), encoded(value), error)
        if code < 0:
            raise self.library.raised(code, error)

    def validate(self):
        error = self.library.struct("kg_error")
        code = self.library.kg_options_validate(self.handle, error)
        if code < 0:
            raise self.library.raised(code, error)

    def free(self):
        self.handle = self.library.kg_options_free(self.handle)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.free()


class Handle:
    """What consumers, clients and partitions have in common."""

    noun = None

    def __init__(self, library, handle, run=in_place):
        self.library, self.handle, self.run = library, handle, run

    def answer(self, verb, *args, blocks=False):
        """kg_<noun>_<verb>() with this handle; what it answers when that is not below 0."""
        function = getattr(self.library, f"kg_{self.noun}_{verb}")
        code = self.run(function, self.handle, *args) if blocks else function(self.handle, *args)
        if code < 0:
            raise self.library.raised(code, self.last_error(code))
        return code

    def last_error(self, _code):
        error = getattr(self.library, f"kg_{self.noun}_error", None)
        return error(self.handle).contents if error else None

    def close(self):
        return self.answer("close", blocks=True)

    def free(self):
        """NULL afterwards; again is fine."""
        if self.handle:
            self.handle = getattr(self.library, f"kg_{self.noun}_free")(self.handle)
        assert self.handle is None


class Stream(Handle):
    """What a consumer and a partition have in common: messages."""

    def next(self):
        return self._one("next")

    def receive(self, timeout_ms):
        return self._one("receive", timeout_ms, blocks=True)

    def _one(self, verb, *args, blocks=False):
        raw = self.library.struct("kg_message")
        found = self.answer(verb, ctypes.byref(raw), *args, blocks=blocks)
        return self.library.message(raw) if found else None

    def next_batch(self, n_max):
        raw = (self.library.structs["kg_message"] * n_max)()
        found = self.answer("next_batch", raw, n_max)
        return [self.library.message(raw[i]) for i in range(found)]


class Consumer(Stream):
    noun = "consumer"

    @classmethod
    def open(cls, library, group, topics, run=in_place, **settings):
        handle, error = ctypes.c_void_p(), library.struct("kg_error")
        with Options(library, **settings) as options:
            code = run(library.kg_consumer_open, handle, encoded(group), names(topics),
                       len(topics), options.handle, error)
        if code < 0:
            assert not handle.value, "an open that failed left a handle"
            raise library.raised(code, error)
        return cls(library, handle.value, run)

    def state(self):
        """("joined", what it waits for)"""
        text = ctypes.c_char_p()
        number = self.library.kg_consumer_state(self.handle, text)
        name = self.library.header.enums["kg_state"][number].removeprefix("KG_STATE_").lower()
        return name, text_or_none(text.value)

    # ---- the loop ----

    def get_fd(self):
        return self.library.kg_consumer_get_fd(self.handle)

    def get_timeout_ms(self):
        return self.library.kg_consumer_get_timeout_ms(self.handle)

    def process(self):
        return self.answer("process")

    def next_event(self):
        raw = self.library.struct("kg_event")
        return self._event(raw) if self.answer("next_event", ctypes.byref(raw)) else None

    def _event(self, raw):
        places = [self.library.places(getattr(raw, name), getattr(raw, f"n_{name}"))
                  if hasattr(raw, name) else [] for name in ("claimed", "released", "current")]
        notification = None
        if hasattr(raw, "notification"):
            number = self.library.header.enums["kg_notification"][raw.notification]
            notification = number.removeprefix("KG_NOTIFY_").lower()
        kind = self.library.header.enums["kg_event_type"][raw.type]
        return Event(kind.removeprefix("KG_EVENT_").lower(), text_or_none(raw.topic),
                     raw.partition, raw.request, raw.dwell_ms, text_or_none(raw.context),
                     raw.error.code, self.library.error_names.get(raw.error.code),
                     raw.error.text.decode(errors="replace"), notification, *places)

    # ---- marks, resets, commits ----

    def mark(self, message, metadata=None):
        return self.answer("mark", message.raw, encoded(metadata))

    def reset(self, message, metadata=None):
        return self.answer("reset", message.raw, encoded(metadata))

    def mark_offset(self, topic, partition, offset, metadata=None, ask=False):
        return self._at("mark_offset", topic, partition, offset, metadata, ask)

    def reset_offset(self, topic, partition, offset, metadata=None, ask=False):
        return self._at("reset_offset", topic, partition, offset, metadata, ask)

    def _at(self, verb, topic, partition, offset, metadata, ask):
        verdict = ctypes.c_int(-1) if ask else None
        self.answer(verb, topic.encode(), partition, offset, encoded(metadata), verdict,
                    blocks=ask)
        return verdict.value if ask else None

    def mark_stash(self, stash):
        return self.answer("mark_stash", stash.handle)

    def reset_stash(self, stash):
        return self.answer("reset_stash", stash.handle)

    def commit(self, timeout_ms=-1):
        return self.answer("commit", timeout_ms, blocks=True)

    def commit_start(self):
        request = ctypes.c_uint32()
        self.answer("commit_start", request)
        return request.value

    # ---- claims ----

    def assignment(self):
        array = ctypes.POINTER(self.library.structs["kg_claim"])()
        n = self.library.kg_consumer_assignment(self.handle, ctypes.byref(array))
        return [self.library.claim(array[i]) for i in range(n)]

    def pause(self, topic, partition):
        return self.answer("pause", encoded(topic), partition)

    def resume(self, topic, partition):
        return self.answer("resume", encoded(topic), partition)

    def done(self, topic, partition):
        return self.answer("done", encoded(topic), partition)

    def seek(self, topic, partition, whence, value=0, timeout_ms=-1):
        number = self.library.constants[f"KG_SEEK_{whence.upper()}"]
        return self.answer("seek", encoded(topic), partition, number, value, timeout_ms,
                           blocks=True)

    def get_high_water_marks(self, timeout_ms=-1):
        array, n = ctypes.POINTER(self.library.structs["kg_high"])(), ctypes.c_size_t()
        self.answer("get_high_water_marks", ctypes.byref(array), n, timeout_ms, blocks=True)
        return [(array[i].topic.decode(), array[i].partition, array[i].high)
                for i in range(n.value)]

    # ---- partitions mode ----

    def next_partition(self):
        return self._partition("next_partition")

    def wait_partition(self, timeout_ms):
        return self._partition("wait_partition", timeout_ms, blocks=True)

    def _partition(self, verb, *args, blocks=False):
        handle = ctypes.c_void_p()
        found = self.answer(verb, handle, *args, blocks=blocks)
        return Partition(self.library, handle.value, self.run) if found else None


class Partition(Stream):
    noun = "partition"

    def last_error(self, _code):
        return None  # it has none of its own

    def get_claim(self):
        return self.library.claim(self.library.kg_partition_get_claim(self.handle).contents)

    def next_error(self):
        error = self.library.struct("kg_error")
        if not self.answer("next_error", error):
            return None
        return self.library.raised(error.code, error)

    def mark(self, offset, metadata=None):
        return self.answer("mark", offset, encoded(metadata))

    def reset(self, offset, metadata=None):
        return self.answer("reset", offset, encoded(metadata))

    def get_high_water_mark(self, timeout_ms=-1):
        high = ctypes.c_int64()
        self.answer("get_high_water_mark", high, timeout_ms, blocks=True)
        return high.value

    def close_start(self):
        return self.answer("close_start")


class Client(Handle):
    noun = "client"

    @classmethod
    def open(cls, library, run=in_place, **settings):
        handle, error = ctypes.c_void_p(), library.struct("kg_error")
        with Options(library, **settings) as options:
            code = run(library.kg_client_open, handle, options.handle, error)
        if code < 0:
            assert not handle.value, "an open that failed left a handle"
            raise library.raised(code, error)
        return cls(library, handle.value, run)

    def get_option(self, name):
        return text_or_none(self.library.kg_client_get_option(self.handle, name.encode()))

    def open_consumer(self, group, topics, **settings):
        handle, error = ctypes.c_void_p(), self.library.struct("kg_error")
        with Options(self.library, **settings) as options:
            code = self.run(self.library.kg_client_open_consumer, self.handle, handle,
                            encoded(group), names(topics), len(topics),
                            options.handle if settings else None, error)
        if code < 0:
            raise self.library.raised(code, error)
        return Consumer(self.library, handle.value, self.run)

    def get_topics(self, group=None):
        array, n = ctypes.POINTER(self.library.structs["kg_topic"])(), ctypes.c_size_t()
        self.answer("get_topics", encoded(group), ctypes.byref(array), n, blocks=True)
        return {array[i].name.decode(): array[i].n_partitions for i in range(n.value)}

    def get_partitions(self, topic, group=None):
        array, n = ctypes.POINTER(ctypes.c_int32)(), ctypes.c_size_t()
        self.answer("get_partitions", encoded(group), topic.encode(), ctypes.byref(array), n,
                    blocks=True)
        return [array[i] for i in range(n.value)]

    def get_offset(self, topic, partition, at, group=None):
        """at: "earliest", "latest" or milliseconds since 1970"""
        named = {"earliest": "KG_OFFSET_EARLIEST", "latest": "KG_OFFSET_LATEST"}
        number = self.library.constants[named[at]] if at in named else at
        offset = ctypes.c_int64()
        self.answer("get_offset", encoded(group), topic.encode(), partition, number, offset,
                    blocks=True)
        return offset.value

    def refresh(self, group=None):
        return self.answer("refresh", encoded(group), blocks=True)

    def validate(self, **settings):
        with Options(self.library, **settings) as options:
            return self.answer("validate", options.handle, blocks=True)


class Stash(Handle):
    noun = "stash"

    def __init__(self, library):
        super().__init__(library, library.kg_stash_new())
        assert self.handle

    def last_error(self, _code):
        return None

    def mark(self, message, metadata=None):
        return self.answer("mark", message.raw, encoded(metadata))

    def reset(self, message, metadata=None):
        return self.answer("reset", message.raw, encoded(metadata))

    def mark_offset(self, topic, partition, offset, metadata=None):
        return self.answer("mark_offset", topic.encode(), partition, offset, encoded(metadata))

    def reset_offset(self, topic, partition, offset, metadata=None):
        return self.answer("reset_offset", topic.encode(), partition, offset, encoded(metadata))

    def entries(self):
        """[(topic, partition, offset, metadata)]"""
        found = []

        def on_entry(_arg, pointer):
            entry = ctypes.cast(pointer, ctypes.POINTER(self.library.structs["kg_stash_entry"]))[0]
            found.append((entry.topic.decode(), entry.partition, entry.offset,
                          text_or_none(entry.metadata)))
            return 0
        function = self.library.header.functions["kg_stash_for_each"][1][1](on_entry)
        self.answer("for_each", function, None)
        return found

    def count(self):
        return self.library.kg_stash_count(self.handle)


def names(topics):
    return (ctypes.c_char_p * max(1, len(topics)))(*[t.encode() for t in topics])
