# SPDX-License-Identifier: MIT
"""Who takes part in a benchmark: the broker, the daemon, the programs, and their librdkafka.

Each owns one process or folder, waits for it by a condition with a bound, and takes it down in
close(). What they use is read from the kernel: CPU time from the clock of the process, memory from
/proc/PID/status.
"""
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BENCH = Path(__file__).resolve().parent
KAFKA = BENCH.parent / "kafka"
CACHE = Path(os.environ.get("KGROUP_CACHE") or Path.home() / ".cache/kgroupd-tests")
START_TIMEOUT_S = 20
STOP_TIMEOUT_S = 20
PROGRAM_TIMEOUT_S = 600


class Failed(Exception):
    """Said to the user in one piece; the exit code is 1."""


# ---- processes ----------------------------------------------------------------------------------


def cpu_seconds(pid):
    """What a process has used of the CPU so far, from its own clock (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def memory_bytes(pid, field):
    """VmRSS or VmHWM, the peak of it."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise Failed(f"process {pid} has no {field}")


def forget_peak(pid):
    """VmHWM begins again at what the process holds now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def stop(process):
    """SIGTERM, and SIGKILL if that has no effect in time."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# ---- librdkafka ---------------------------------------------------------------------------------


class Librdkafka:
    """The system's, or the one that a folder has as librdkafka.so.1."""

    def __init__(self, folder=None):
        self.link = folder and Path(folder) / "librdkafka.so.1"
        if self.link and not self.link.exists():
            raise Failed(f"there is no {self.link}")

    def env(self):
        if not self.link:
            return dict(os.environ)
        # The link, and the folder of the library itself: a wheel keeps what it needs beside it.
        folders = f"{self.link.parent}:{self.link.resolve().parent}"
        return dict(os.environ, LD_LIBRARY_PATH=folders)

    def check_used_by(self, pid, name):
        """A wrong LD_LIBRARY_PATH would compare two versions, and nobody would notice."""
        used = {line.split(maxsplit=5)[5]
                for line in Path(f"/proc/{pid}/maps").read_text(encoding="utf-8").splitlines()
                if "librdkafka" in line}
        if self.link and str(self.link.resolve()) not in used:
            raise Failed(f"{name} runs with {', '.join(used)}, not with {self.link.resolve()}")


def newest_librdkafka():
    """Folder with the librdkafka that the newest confluent-kafka of PyPI brings along."""
    home = CACHE / "newest"
    venv = home / "venv"
    if not (venv / "bin/pip").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
    done = subprocess.run([venv / "bin/pip", "install", "--quiet", "--disable-pip-version-check",
                           "--upgrade", "confluent-kafka"], check=False)
    found = sorted(venv.glob("lib/python*/site-packages/confluent_kafka.libs/librdkafka*.so*"))
    if not found:
        raise Failed(f"confluent-kafka could not be installed into {venv}")
    if done.returncode != 0:
        print("run: PyPI does not answer, going on with what was installed before",
              file=sys.stderr)
    folder = home / "lib"
    folder.mkdir(exist_ok=True)
    link = folder / "librdkafka.so.1"
    link.unlink(missing_ok=True)
    link.symlink_to(found[-1])
    return folder


# ---- the broker ---------------------------------------------------------------------------------


class Broker:
    """A real Kafka, ours, or one that tests/kafka/kafka-up has started in a given folder."""

    def __init__(self, folder=None):
        self.ours = folder is None
        self.folder = Path(folder or tempfile.mkdtemp(prefix="kgroup-bench-kafka-"))
        if self.ours:
            subprocess.run([KAFKA / "kafka-up", self.folder], check=True, stdout=sys.stderr)
        lines = (self.folder / "env").read_text(encoding="utf-8").splitlines()
        env = {key: shlex.split(value)[0] for key, value in (line.split("=", 1) for line in lines)}
        self.bootstrap, self.pid = env["BOOTSTRAP"], int(env["PID"])

    def warm(self, topic):
        """Brings a topic into the page cache, so that no run reads a disk and another does not."""
        room = bytearray(1 << 20)
        for segment in self.folder.glob(f"data/{topic}-*/*.log"):
            with open(segment, "rb", buffering=0) as file:
                while file.readinto(room):
                    pass

    def close(self):
        if self.ours:
            subprocess.run([KAFKA / "kafka-down", self.folder], check=False)
            shutil.rmtree(self.folder, ignore_errors=True)


# ---- the daemon ---------------------------------------------------------------------------------


class Daemon:
    """kgroupd with one configuration for everything. Every run gets a group of its own; groups
    are left as soon as their application is gone, so that no run works beside the next one."""

    def __init__(self, program, broker, librdkafka, kafka_settings, groups):
        self.folder = Path(tempfile.mkdtemp(prefix="kgroup-bench-"))
        self.socket = self.folder / "kgroupd.sock"
        self.log = self.folder / "kgroupd.log"
        self.config = self.folder / "kgroupd.conf"
        self.groups = iter(groups)
        self.config.write_text(self._config_text(broker, kafka_settings, groups),
                               encoding="utf-8")
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.folder / "notify"))
        (self.folder / "run").mkdir()
        env = dict(librdkafka.env(), RUNTIME_DIRECTORY=str(self.folder / "run"),
                   NOTIFY_SOCKET=str(self.folder / "notify"))
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([program, "--config", self.config], env=env,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.pid = self.process.pid
        try:
            self._wait_ready()
            librdkafka.check_used_by(self.pid, "kgroupd")
        except BaseException:
            self.close()
            raise

    def _config_text(self, broker, kafka_settings, groups):
        lines = ["[daemon]", "name = bench", f"socket.path = {self.socket}", "log.target = stderr",
                 "", "[kafka]"]
        lines += [f"{key} = {value}" for key, value in kafka_settings.items()]
        lines += ["", "[cluster main]", f"bootstrap.servers = {broker.bootstrap}"]
        for group in groups:
            lines += ["", f"[group {group}]", "initial.offset = earliest", "leave.delay = 0s"]
        return "\n".join(lines) + "\n"

    def _wait_ready(self):
        deadline = time.monotonic() + START_TIMEOUT_S
        self.notify.settimeout(0.1)
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if "READY=1" in self.notify.recv(65536).decode().splitlines():
                    self.notify.setblocking(False)
                    return
            except TimeoutError:
                pass
        raise Failed(f"kgroupd did not become ready:\n{self.end_of_log()}")

    def end_of_log(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-3000:]

    def next_group(self):
        return next(self.groups)

    def close(self):
        stop(self.process)
        self.notify.close()
        shutil.rmtree(self.folder, ignore_errors=True)


# ---- the programs -------------------------------------------------------------------------------


class Program:
    """A running program of the benchmark; it ends with one line of JSON, or says why not."""

    def __init__(self, argv, env):
        self.name = Path(argv[0]).name
        self.stderr = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in argv], env=env,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.stderr)
        self.pid = self.process.pid

    def wait_ready(self):
        """Reads the line that says so. The programs have bounds of their own for silence."""
        if self.process.stdout.readline() != b"ready\n":
            self.result()

    def result(self):
        try:
            text, _ = self.process.communicate(timeout=PROGRAM_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.close()
            raise Failed(f"{self.name} takes more than {PROGRAM_TIMEOUT_S} s") from None
        self.stderr.seek(0)
        words = self.stderr.read().decode(errors="replace")
        if self.process.returncode != 0:
            raise Failed(f"{self.name} ended with status {self.process.returncode}: {words}")
        lines = text.decode().splitlines()
        return json.loads(lines[-1]) if lines else {}

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.stderr.close()


class Programs:
    """The folder of a build: where the programs are, and with which librdkafka they run."""

    def __init__(self, folder, librdkafka):
        self.folder, self.env = Path(folder), librdkafka.env()
        self.daemon = self.folder / "daemon/kgroupd"
        for path in (self.daemon, self.path("direct"), self.path("app")):
            if not path.exists():
                raise Failed(f"{path} is missing: ninja -C {self.folder}, or name the build with "
                             "--builddir")
        self._check_build()

    def path(self, name):
        return self.folder / f"tests/bench/bench-{name}"

    def _check_build(self):
        options = json.loads((self.folder / "meson-info/intro-buildoptions.json").read_text(
            encoding="utf-8"))
        value = {option["name"]: option["value"] for option in options}
        sanitizers = value.get("b_sanitize", "none")
        if sanitizers not in ("none", []):
            raise Failed(f"{self.folder} is built with sanitizers ({sanitizers})")
        if value["optimization"] in ("0", "g"):
            raise Failed(f"{self.folder} is built without optimization: "
                         "meson setup --buildtype=release DIR")

    def start(self, name, *options):
        return Program([self.path(name), *options], self.env)

    def run(self, name, *options):
        program = self.start(name, *options)
        try:
            return program.result()
        finally:
            program.close()
