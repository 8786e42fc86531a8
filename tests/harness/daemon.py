# SPDX-License-Identifier: MIT
"""kgroupd as a child of the test: its configuration, its notifications, its log, its end.

It runs in the foreground as systemd would run it: told where to notify, with a runtime directory
that outlives a restart, its log on stderr, which goes to a file that the test can read at any time.
"""
import os
import re
import signal
import socket
import subprocess
from pathlib import Path

START_TIMEOUT_S = 15
STOP_TIMEOUT_S = 20
# What no run may leave in its log, whatever the test was about.
BROKEN = re.compile(r"(Address|Leak|Thread)Sanitizer|runtime error:|Assertion .* failed|stack smashing")


def write_config(path, sections):
    """Sections: {"daemon": {"name": "x"}}; a value that is a list is written comma-separated."""
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            lines.append(f"{key} = {text}")
        lines.append("")
    Path(path).write_text("\n".join(lines), encoding="utf-8")


class Daemon:
    def __init__(self, hub, program, directory, sections, env=None):
        self.hub, self.program, self.directory = hub, str(program), Path(directory)
        self.sections = sections
        self.config_file = self.directory / "kgroupd.conf"
        self.log_file = self.directory / "log"
        self.socket_path = sections["daemon"]["socket.path"]
        self.env = dict(os.environ, RUNTIME_DIRECTORY=str(self.directory / "run"),
                        NOTIFY_SOCKET=str(self.directory / "notify"), **(env or {}))
        if "KGROUP_TEST_PRELOAD" in os.environ:  # tests/tsan/run
            self.env["LD_PRELOAD"] = ":".join(
                [os.environ["KGROUP_TEST_PRELOAD"], *self.env.get("LD_PRELOAD", "").split()])
        if "LD_PRELOAD" in self.env:  # the sanitizer wants to be first, and can do without
            self.env["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + \
                ":verify_asan_link_order=0"
        self.process, self.notify, self.status, self.words = None, None, "", []
        self.launcher = []  # a command that ends by executing what comes behind it
        (self.directory / "run").mkdir(exist_ok=True)
        self.write_config()
        self._open_notify()

    def _open_notify(self):
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        self.notify.bind(str(self.directory / "notify"))

    def write_config(self):
        write_config(self.config_file, self.sections)

    # ---- start, stop ----

    def start(self, wait=True):
        assert not self.alive(), "it runs already"
        self.words = []
        with open(self.log_file, "ab") as log:
            self.process = subprocess.Popen([*self.launcher, self.program, "--config",
                                             self.config_file],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            env=self.env, start_new_session=True)
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            assert self.alive(), f"kgroupd ended, status {self.process.returncode}:\n{self.log()}"
            return "READY=1" in self.notified()
        self.hub.wait_for(ready, START_TIMEOUT_S, "READY=1")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self):
        return self.process.pid

    def signal(self, number):
        self.process.send_signal(number)

    def wait_exit(self, timeout_s=STOP_TIMEOUT_S):
        """Waits for the end while the peers are being read; the exit status."""
        self.hub.wait_for(lambda: not self.alive(), timeout_s, "the end of kgroupd")
        return self.process.returncode

    def stop(self, timeout_s=STOP_TIMEOUT_S):
        self.signal(signal.SIGTERM)
        return self.wait_exit(timeout_s)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.wait_exit()

    def restart(self):
        assert self.stop() == 0
        return self.start()

    def reload(self):
        """SIGHUP, and what the log says from then until READY=1 comes again."""
        seen, length = len(self.notified()), len(self.log())
        self.signal(signal.SIGHUP)
        self.hub.wait_for(lambda: "READY=1" in self.notified()[seen:], 10, "READY=1 after SIGHUP")
        return self.log()[length:]

    def close(self):
        """The end of a test: an orderly stop, however the test left it, and a clean log."""
        try:
            if self.alive():
                self.signal(signal.SIGCONT)
                status = self.stop()
                assert status == 0, f"kgroupd ended with status {status}"
            found = BROKEN.search(self.log())
            assert not found, f"in the log: {found.group()}"
        finally:
            if self.alive():
                self.process.kill()
                self.process.wait()
            self.notify.close()

    # ---- what it says ----

    def notified(self):
        """Every line that was sent to the service manager since the start."""
        while True:
            try:
                text = self.notify.recv(65536).decode()
            except BlockingIOError:
                break
            self.words += text.splitlines()
        status = [word for word in self.words if word.startswith("STATUS=")]
        self.status = status[-1][len("STATUS="):] if status else ""
        return self.words

    def log(self):
        if not self.log_file.exists():
            return ""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def wait_log(self, pattern, timeout_s=15.0):
        return self.hub.wait_for(lambda: re.search(pattern, self.log()), timeout_s,
                                 f"log matching {pattern!r}")

    def rss_bytes(self):
        status = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii")
        return int(re.search(r"VmRSS:\s+(\d+) kB", status).group(1)) * 1024

    def n_fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def loop_cpu_s(self):
        """Processor time of the thread that turns the loop, to the nanosecond."""
        path = Path(f"/proc/{self.pid}/task/{self.pid}/schedstat")
        return int(path.read_text(encoding="ascii").split()[0]) / 1e9

    def cpu_s(self):
        text = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii")
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run_check(program, config_file, *options, env=None):
    """kgroupd --check: the exit status and what it printed."""
    done = subprocess.run([program, "--config", config_file, "--check", *options],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=20, check=False,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout
