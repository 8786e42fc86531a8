# SPDX-License-Identifier: MIT
"""kgtest, a C program with libkgroup, as a child of the test; it prints a JSON object a line."""
import json
import os
import signal
import subprocess

END_TIMEOUT_S = 20


class App:
    def __init__(self, hub, program, daemon, group, topics, *options, settings=None, launcher=()):
        argv = [*launcher, program, "--group", group]
        for topic in topics:
            argv += ["--topic", topic]
        for key, value in {"socket": daemon.socket_path, **(settings or {})}.items():
            argv += ["--set", f"{key}={value}"]
        argv += map(str, options)
        self.hub, self.reading, self.buffer, self.lines = hub, True, b"", []
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        os.set_blocking(self.process.stdout.fileno(), False)
        hub.add(self)

    def fileno(self):
        return -1 if self.process.stdout.closed else self.process.stdout.fileno()

    def on_readable(self):
        data = self.process.stdout.read(1 << 20)
        if not data:
            self.hub.remove(self)
            return
        *lines, self.buffer = (self.buffer + data).split(b"\n")
        self.lines += [json.loads(line) for line in lines]

    def of(self, kind):
        return [line for line in self.lines if line["type"] == kind]

    @property
    def messages(self):
        return self.of("message")

    def wait_line(self, kind, n=1, timeout_s=20.0, **fields):
        """Waits for n lines of a kind with these fields; the last of them."""
        def find():
            found = [line for line in self.of(kind) if fields.items() <= line.items()]
            return found[n - 1] if len(found) >= n else None
        return self.hub.wait_for(find, timeout_s, f"{n} lines {kind} {fields} of kgtest")

    def wait_messages(self, n, timeout_s=20.0):
        self.wait_line("message", n, timeout_s)
        return self.messages

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout_s=END_TIMEOUT_S):
        self.hub.wait_for(lambda: self.process.poll() is not None, timeout_s, "the end of kgtest")
        while self in self.hub.members:
            self.on_readable()
        return self.process.returncode

    def stop(self, timeout_s=END_TIMEOUT_S):
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout_s)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hub.remove(self)
        self.process.stdout.close()
        self.stderr = self.process.stderr.read().decode(errors="replace")
        self.process.stderr.close()
        assert "Sanitizer" not in self.stderr and "runtime error" not in self.stderr, self.stderr
