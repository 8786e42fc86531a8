# SPDX-License-Identifier: MIT
"""The daemon's own comings and goings: restart, crash, stop, reload, and what its peers notice."""
import contextlib
import ctypes
import fcntl
import os
import signal
import socket
import subprocess

import pytest

from harness.client import Client, Refused

both = pytest.mark.both
real = pytest.mark.real
mock = pytest.mark.mock

NEVER = {"commit.interval": "1h"}
PTRACE_DETACH, PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 17, 0x4206, 0x4207, 0x40000000


# ---- restart ------------------------------------------------------------------------------------


@real("the mock ignores static members")
def test_a_restart_keeps_the_membership_and_the_marks(scene):
    """Not even the generation changes; nothing that was marked comes again."""
    topic = scene.topic(2)
    for partition in range(2):
        scene.witness.fill(topic, partition, 10)
    daemon = scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    client.wait_messages(20)
    generation = scene.witness.generation(scene.group_id)
    client.mark(client.of(topic, 0)[6])
    daemon.restart()
    client.reconnect().wait_claims([(topic, 0), (topic, 1)])
    assert scene.witness.generation(scene.group_id) == generation
    client.wait_messages(13)
    assert [m.offset for m in client.of(topic, 0)] == [7, 8, 9]


@both
def test_marks_survive_a_crash_of_the_daemon_by_resume(scene):
    """Nothing was committed; the consumer says what it had marked."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[6], metadata="seven")
    scene.hub.quiet()
    daemon.kill()
    assert scene.committed(topic, 0) is None
    daemon.start()
    client.reconnect()
    assert [m.offset for m in client.wait_messages(3, timeout_s=30)] == [7, 8, 9]
    client.commit()
    assert scene.witness.committed(scene.group_id, topic, 0) == (7, "seven")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can fill the disk of one process")
@both
def test_a_full_disk_costs_no_message_and_is_told(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(start=False)
    run = daemon.env["RUNTIME_DIRECTORY"]
    fill = f"mount -t tmpfs -o size=4k none {run} && head -c 4096 /dev/zero >{run}/full"
    daemon.launcher = ["unshare", "--mount", "sh", "-c", fill + ' && exec "$@"', "sh"]
    daemon.start()
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[6])
    assert f"cannot write {run}/state: No space left on device" in daemon.log()
    daemon.restart()
    client.reconnect()
    assert [m.offset for m in client.wait_messages(3, timeout_s=30)] == [7, 8, 9]


@both
def test_without_resume_a_crash_means_redelivery(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(group=NEVER)
    client = scene.consumer(topic)
    client.wait_messages(10)
    client.mark(client.messages[2])
    client.commit()
    client.mark(client.messages[6])
    scene.hub.quiet()
    daemon.kill()
    daemon.start()
    client.reconnect(resume=False)
    assert [m.offset for m in client.wait_messages(7, timeout_s=30)] == [3, 4, 5, 6, 7, 8, 9]


@real("the mock lets nobody commit from outside once it knows the group")
def test_a_stale_resume_is_not_believed(scene):
    """Somebody moved the committed offset back meanwhile: the old mark says nothing any more."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(daemon={"on.stop": "leave"})
    scene.witness.commit(scene.group_id, topic, 0, 5)
    client = scene.consumer(topic)
    client.mark(client.wait_messages(5)[3])
    scene.wait_committed(topic, 0, 9)
    daemon.stop()
    scene.wait_for(lambda: move_back(scene, topic, 2), 20, "the committed offset moved back")
    daemon.start()
    client.reconnect()
    assert client.wait_messages(1, timeout_s=30)[0].offset == 2


def move_back(scene, topic, offset):
    """Kafka refuses a commit from outside while the group has members."""
    from confluent_kafka import KafkaException  # one test's need
    try:
        scene.witness.commit(scene.group_id, topic, 0, offset)
    except KafkaException:
        return False
    return scene.committed(topic, 0) == offset


@both
def test_each_gets_its_own_partitions_back_after_a_restart(scene):
    """settle.delay: the first distribution waits for those who had the partitions."""
    topic = scene.topic(4)
    daemon = scene.daemon(daemon={"settle.delay": "3s"})
    clients = [scene.consumer(topic) for _ in range(2)]
    scene.wait_for(lambda: [len(c.places()) for c in clients] == [2, 2])
    before = [c.places() for c in clients]
    daemon.restart()
    for client in clients:
        client.reconnect()
    scene.wait_for(lambda: [c.places() for c in clients] == before, 30, "the same partitions")
    assert not any(c.ended for c in clients)


@both
def test_the_state_is_used_to_rejoin_before_clients_are_back(scene):
    topic = scene.topic(1)
    daemon = scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    client.disconnect()
    daemon.restart()
    scene.wait_for(lambda: (scene.status()[1] or {}).get("state") == "joined", 30, "joined")


@both
def test_an_unreadable_state_is_ignored_with_a_line_in_the_log(scene):
    topic = scene.topic(1)
    daemon = scene.daemon()
    scene.consumer(topic).wait_claims([(topic, 0)])
    daemon.stop()
    state = daemon.directory / "run/state"
    assert state.exists()
    state.write_bytes(b"\x00\xff garbage" * 10)
    daemon.start()
    daemon.wait_log("state")
    scene.consumer(topic).wait_claims([(topic, 0)], timeout_s=30)


# ---- stopping -----------------------------------------------------------------------------------


@both
def test_sigterm_lets_consumers_mark_and_commits_it(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(daemon={"drain.timeout": "20s"}, group=NEVER)
    client = scene.consumer(topic, options={"auto_done": False})
    client.wait_messages(10)
    daemon.signal(signal.SIGTERM)
    scene.wait_for(lambda: client.claim(topic, 0).release, 5, "RELEASE")
    assert client.claim(topic, 0).release.reason == "stop"
    assert "STOPPING=1" in daemon.notified()
    client.mark(client.messages[8])
    client.send("done", client.claim(topic, 0).id)
    assert daemon.wait_exit(5) == 0
    assert scene.committed(topic, 0) == 9
    scene.wait_for(lambda: client.goaway, 5, "GOAWAY, the last that it says")
    assert client.goaway.back_ms > 0


@both
def test_sigterm_waits_no_longer_than_drain_timeout(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(daemon={"drain.timeout": "1s"}, group=NEVER)
    client = scene.consumer(topic, options={"auto_done": False})
    client.mark(client.wait_messages(10)[1])
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(6) == 0
    scene.wait_committed(topic, 0, 2)


@both
def test_sigterm_ends_at_once_when_nothing_is_in_flight(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    daemon = scene.daemon(daemon={"drain.timeout": "50s"})
    client = scene.consumer(topic)
    client.wait_messages(3)
    client.mark_all()
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(5) == 0
    assert scene.committed(topic, 0) == 3


@both
def test_a_second_sigterm_means_now(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(daemon={"drain.timeout": "50s"})
    client = scene.consumer(topic, options={"auto_done": False})
    client.wait_messages(10)
    daemon.signal(signal.SIGTERM)
    scene.wait_for(lambda: client.claim(topic, 0).release, 5, "RELEASE")
    daemon.signal(signal.SIGTERM)
    assert daemon.wait_exit(5) == 0


@mock("faults are the mock's")
def test_sigterm_with_the_broker_down_ends_in_time(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 10)
    daemon = scene.daemon(daemon={"drain.timeout": "1s"}, group=NEVER)
    client = scene.consumer(topic)
    client.mark(client.wait_messages(10)[5])
    scene.hub.quiet(0.1)
    scene.broker.down()
    assert daemon.stop(timeout_s=15) == 0


@real("the mock cannot describe groups")
def test_on_stop_leave_gives_everything_away_at_once(scene):
    topic = scene.topic(1)
    daemon = scene.daemon(daemon={"on.stop": "leave"}, group={"session.timeout": "30s"})
    scene.consumer(topic).wait_claims([(topic, 0)])
    assert len(scene.witness.members(scene.group_id)) == 1
    daemon.stop()
    scene.wait_for(lambda: not scene.witness.members(scene.group_id), 4, "an empty group")


@real("the mock cannot describe groups")
def test_on_stop_keep_keeps_the_place(scene):
    topic = scene.topic(1)
    daemon = scene.daemon(group={"session.timeout": "30s"})
    scene.consumer(topic).wait_claims([(topic, 0)])
    daemon.stop()
    members = scene.witness.members(scene.group_id)
    assert [m.group_instance_id for m in members] == [f"{socket.gethostname()}-d0"]


@both
def test_open_while_stopping_is_refused(scene):
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 3)
    daemon = scene.daemon(daemon={"drain.timeout": "20s"})
    client = scene.consumer(topic, options={"auto_done": False})
    other = scene.client()
    client.wait_messages(3)
    daemon.signal(signal.SIGTERM)
    scene.wait_for(lambda: client.claim(topic, 0).release, 5, "RELEASE")
    request = other.start("open", "", "g", other.id, [topic], {})
    scene.wait_for(lambda: request in other.replies or other.closed, 5, "an answer or the end")
    if request in other.replies:
        assert other.replies[request].code == 49
    client.disconnect()
    assert daemon.wait_exit(5) == 0


# ---- the service manager ------------------------------------------------------------------------


@mock("the broker plays no part")
def test_ready_comes_before_any_broker_answers(scene):
    daemon = scene.daemon(cluster={"bootstrap.servers": "127.0.0.1:1"})
    assert "READY=1" in daemon.notified()
    scene.wait_for(lambda: daemon.notified() and daemon.status, 5, "STATUS")


@mock("the broker plays no part")
def test_the_watchdog_is_fed_more_often_than_it_asks(scene):
    daemon = scene.daemon(env={"WATCHDOG_USEC": "400000"})
    before = daemon.notified().count("WATCHDOG=1")
    scene.wait_for(lambda: daemon.notified().count("WATCHDOG=1") >= before + 20, 8, "20 in 20 x 0.4 s")


@contextlib.contextmanager
def stopped_thread(tid):
    """One thread of a process stands still, the others go on."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.ptrace(PTRACE_SEIZE, tid, None, None):
        pytest.skip(f"nobody may be traced here: {os.strerror(ctypes.get_errno())}")
    assert libc.ptrace(PTRACE_INTERRUPT, tid, None, None) == 0
    assert libc.waitpid(tid, None, WALL) == tid
    try:
        yield
    finally:
        assert libc.ptrace(PTRACE_DETACH, tid, None, None) == 0


@mock("the broker plays no part")
def test_the_watchdog_is_fed_by_the_loop_itself(scene):
    """Other threads that live are no sign of its life."""
    daemon = scene.daemon(env={"WATCHDOG_USEC": "400000"})
    scene.consumer("t")  # with it come librdkafka's threads
    with stopped_thread(daemon.pid):
        before = len(daemon.notified())
        scene.hub.stays(lambda: len(daemon.notified()) == before, 2, "silence")
    scene.wait_for(lambda: "WATCHDOG=1" in daemon.notified()[before:], 5, "it goes on")


@mock("the broker plays no part")
def test_a_socket_of_the_service_manager_is_used(scene):
    daemon = scene.daemon(start=False)
    path = str(scene.directory / "activated")
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()
    early = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    early.connect(path)  # before the daemon runs
    start_with_listener(daemon, listener)
    client = Client(scene.hub, path)
    scene.clients.append(client)
    assert client.welcome.version == 1
    assert f"listens on {path}: 1 cluster, 1 group\n" in daemon.log(), "not socket.path, where nobody listens"
    assert not os.path.exists(daemon.socket_path)
    early.close()
    listener.close()
    daemon.stop()
    assert os.path.exists(path), "the socket is the service manager's"


def bound(family, kind, address):
    made = socket.socket(family, kind)
    made.bind(address)
    return made


@mock("the broker plays no part")
def test_a_socket_that_cannot_be_served_is_refused(scene, tmp_path):
    """Over TCP nobody has a user; and who connects to a second one would wait for ever."""
    daemon = scene.daemon(start=False)
    stream = bound(socket.AF_UNIX, socket.SOCK_STREAM, str(tmp_path / "stream"))
    tcp = bound(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 0))
    for listener in (stream, tcp):
        listener.listen()
    datagrams = bound(socket.AF_UNIX, socket.SOCK_DGRAM, str(tmp_path / "datagrams"))
    for passed in ([tcp], [datagrams], [stream, tcp]):
        launch_with_listeners(daemon, *passed)
        assert daemon.wait_exit() == 71
        said = f"the service manager passes {len(passed)} socket"
        assert said in daemon.log().splitlines()[-2] and "ListenStream=" in daemon.log()
    for listener in (stream, tcp, datagrams):
        listener.close()


def start_with_listener(daemon, listener):
    launch_with_listeners(daemon, listener)
    daemon.wait_ready()


def launch_with_listeners(daemon, *listeners):
    """As systemd does: descriptors from 3 on, LISTEN_FDS, LISTEN_PID of the process itself."""
    script = f'LISTEN_PID=$$ LISTEN_FDS={len(listeners)} exec "$0" --config "$1"'
    high = [fcntl.fcntl(listener.fileno(), fcntl.F_DUPFD, 100) for listener in listeners]

    def pass_on():
        for at, fd in enumerate(high):
            os.dup2(fd, 3 + at)
    with open(daemon.log_file, "ab") as log:
        daemon.process = subprocess.Popen(
            ["sh", "-c", script, daemon.program, daemon.config_file], env=daemon.env,
            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            pass_fds=range(3, 3 + len(listeners)), preexec_fn=pass_on)
    for fd in high:
        os.close(fd)


# ---- reload -------------------------------------------------------------------------------------


@both
def test_a_reload_says_what_changed_and_what_needs_a_restart(scene):
    topic = scene.topic(1)
    daemon = scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    daemon.sections["group g"]["leave.delay"] = "45s"
    daemon.sections["group g"]["group.id"] = "other"
    daemon.sections["daemon"]["log.level"] = "debug"
    daemon.write_config()
    said = daemon.reload()
    assert "leave.delay" in said and "45s" in said
    assert "log.level" in said
    assert "group.id" in said and "restart" in said
    assert "RELOADING=1" in daemon.notified()
    scene.witness.fill(topic, 0, 1)
    client.wait_messages(1)


@both
def test_a_reload_of_a_broken_file_changes_nothing(scene):
    topic = scene.topic(1)
    daemon = scene.daemon()
    client = scene.consumer(topic).wait_claims([(topic, 0)])
    daemon.config_file.write_text("[daemon]\nno.such.key = 1\n", encoding="ascii")
    said = daemon.reload()
    assert f"{daemon.config_file}:2" in said and "no.such.key" in said
    scene.witness.fill(topic, 0, 1)
    client.wait_messages(1)


@both
def test_a_reload_of_access_rules_counts_for_the_next_open(scene):
    topic = scene.topic(1)
    daemon = scene.daemon(group={"allow.users": "daemon"})
    with pytest.raises(Refused):
        scene.client(user="nobody").open("g", [topic])
    daemon.sections["group g"]["allow.users"] = "daemon, nobody"
    daemon.write_config()
    daemon.reload()
    scene.client(user="nobody").open("g", [topic]).wait_claims([(topic, 0)])
