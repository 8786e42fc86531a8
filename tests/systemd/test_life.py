# SPDX-License-Identifier: MIT
"""What systemd is told, and what it does about it: ready, reloading, hanging, failing, stopping."""
import re

from load import connects

NOBODY_LISTENS = "127.0.0.1:1"
CGROUPS, MIB = "/sys/fs/cgroup/system.slice", 1 << 20


def broker_down(scene, **more):
    return scene.config(cluster={"bootstrap.servers": NOBODY_LISTENS}, **more)


# ---- readiness ------------------------------------------------------------------------------------


def test_it_is_ready_while_the_broker_is_down(scene, service):
    """So the order of boot does not matter; that nothing works yet is said in the status."""
    topic = scene.topic(1, create=False)
    service.configure(broker_down(scene)).listen().start()
    assert service.show("ActiveState", "SubState") == ["active", "running"]
    peer = scene.peer("lib", topic)
    scene.wait_for(lambda: "1 group" in service.status_text(), 20, "a status that names the group")
    scene.wait_for(lambda: re.search("not joined|unreachable|0 partitions", service.status_text()),
                   20, f"trouble in {service.status_text()!r}")
    assert service.state() == "active" and not peer.messages


def test_errors_in_the_configuration_are_not_tried_again(scene, service):
    """Status 78 with the line in the journal; Restart= would only fill it."""
    service.machine.write(service.config_inside, "[daemon]\nmemory.limt = 1GiB\n")
    status, _ = service.machine.systemctl("start", service.unit, check=False)
    assert status != 0
    assert service.show("ActiveState", "ExecMainStatus", "NRestarts") == ["failed", "78", "0"]
    scene.wait_for(lambda: "memory.limit" in service.log("-p", "err", "-o", "cat"), 10,
                   "the suggestion")


def test_a_mended_configuration_needs_one_restart(scene, service):
    """A program that waits starts it again and again, until the socket is given up. That must not
    use up the starts that the administrator has, who may need a second try as well."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 1)
    good = service.machine.path(service.config_inside).read_text(encoding="utf-8")
    service.machine.write(service.config_inside, "[daemon]\nmemory.limt = 1GiB\n")
    service.listen()
    for _ in range(2):
        connect_until_given_up(scene, service)
        service.machine.systemctl("restart", service.unit, check=False)
    connect_until_given_up(scene, service)
    service.machine.write(service.config_inside, good)
    service.restart()
    scene.peer("lib", topic).wait_messages(1)


def test_who_ends_at_once_again_and_again_is_given_up(scene, service):
    """A start that fails for other reasons than the configuration is tried 20 times, not for ever."""
    service.drop_in("[Service]\nExecStart=\nExecStart=/bin/false\n").listen()
    service.machine.systemctl("start", "--no-block", service.unit)
    service.wait_log("Start request repeated too quickly")
    assert service.wait_state("failed").show("NRestarts") == "20"
    service.machine.remove(service.dropins.pop())
    service.machine.systemctl("daemon-reload")
    service.machine.systemctl("reset-failed", service.unit)
    service.restart()
    assert connects(service.socket_path) and service.state() == "active"


def connect_until_given_up(scene, service):
    def is_given_up():
        connects(service.socket_path)
        return service.machine.show(service.socket_unit, "Result") == "trigger-limit-hit"
    scene.wait_for(is_given_up, 30, "a socket that is given up")


# ---- reload -----------------------------------------------------------------------------------------


def test_a_reload_takes_over_what_can_be(scene, service):
    service.listen().start()
    pid = service.pid()
    service.configure(scene.config(daemon={"name": "d0", "memory.limit": "99MiB",
                                           "connections.per.user": "77"}))
    service.machine.systemctl("reload", service.unit)
    service.wait_log("memory.limit: 512MiB -> 99MiB$")
    service.wait_log("connections.per.user: 500 -> 77: not changed, needs a restart")
    service.wait_state("active")
    assert service.pid() == pid


def test_a_reload_with_errors_changes_nothing(scene, service):
    service.listen().start()
    pid = service.pid()
    service.machine.write(service.config_inside, "[daemon]\nno.such.key = 1\n")
    service.machine.systemctl("reload", service.unit)
    service.wait_log("everything stays as it is")
    service.wait_state("active")
    assert service.pid() == pid


# ---- the watchdog -----------------------------------------------------------------------------------


def test_a_loop_that_stands_still_is_replaced(scene, service):
    """A program that was connected goes on with the next daemon."""
    topic = scene.topic(1)
    service.drop_in("[Service]\nWatchdogSec=1\nLimitCORE=0\n").listen()
    peer = scene.peer("lib", topic).wait_claims([(topic, 0)])
    pid = service.pid()
    service.kill("STOP")
    service.wait_pid_other_than(pid)
    scene.witness.fill(topic, 0, 2)
    peer.wait_messages(2, timeout_s=40)
    assert service.show("NRestarts") == "1"
    service.wait_log("Watchdog timeout")


def test_the_watchdog_is_fed_by_a_daemon_at_work(scene, service):
    """Its own period is not too short for it: nobody is killed in ten signs of life."""
    service.drop_in("[Service]\nWatchdogSec=1\n").listen().start()
    pid = service.pid()
    stamps = set()

    def ten_signs():
        stamps.add(service.show("WatchdogTimestampMonotonic"))
        return len(stamps) > 10
    scene.wait_for(ten_signs, 20, "ten signs of life")
    assert service.pid() == pid


# ---- memory ---------------------------------------------------------------------------------------


def test_the_units_limit_is_heard(scene, service):
    """From inside of the unit, which hides most of /proc and lets it write to no cgroup. MemoryMax=
    is played where systemd would write it: not every kernel has the controller free."""
    machine, fake = service.machine, "/srv/limits"
    machine.write(f"{fake}/cgroup.controllers", "memory\n")
    machine.write(f"{fake}/memory.max", f"{80 * MIB}\n")
    service.drop_in(f"[Service]\nBindReadOnlyPaths={fake}:{CGROUPS}/{service.unit}\n").listen()

    def told():
        daemon = scene.status()[0]["daemon"]
        return daemon["memory_limit_bytes"] // MIB, daemon["memory_limit_by"]
    assert told() == (70, "the limit of the cgroup")
    machine.write(f"{fake}/memory.max", f"{40 * MIB}\n")
    scene.wait_for(lambda: told() == (35, "the limit of the cgroup"), 5, "the lower limit")


def test_the_units_pressure_is_seen(scene, service):
    service.listen()
    has = service.start().machine.path(f"{CGROUPS}/{service.unit}/memory.pressure").exists()
    watch = scene.status()[0]["daemon"]["memory_pressure_watch"]
    assert watch in (("read", "told") if has else ("none",))


# ---- stopping ---------------------------------------------------------------------------------------


def test_a_stop_takes_as_long_as_programs_need(scene, service):
    """Longer than TimeoutStopSec=: the daemon asks for more while it drains."""
    topic = scene.topic(1)
    scene.witness.fill(topic, 0, 1)
    service.configure(scene.config(daemon={"drain.timeout": "30s"}))
    service.drop_in("[Service]\nTimeoutStopSec=2\n").listen()
    peer = scene.peer("wire", topic, auto_done=False)
    message = peer.wait_messages(1)[0]
    service.machine.systemctl("stop", "--no-block", service.unit)
    scene.wait_for(lambda: peer.claim(topic, 0).release, 10, "RELEASE")
    scene.hub.stays(lambda: service.state() == "deactivating", 4, "the stop")
    peer.mark(message)
    peer.done(topic, 0)
    service.wait_state("inactive")
    assert service.show("Result") == "success"
    scene.wait_committed(topic, 0, 1)


def test_it_has_what_it_needs_and_no_more(service):
    service.listen().start()
    run, proc = service.machine.run, f"/proc/{service.pid()}"
    most = int(re.search(r"Max open files +\d+ +(\d+)", run("cat", "/proc/1/limits"))[1])
    n = min(65536, most)  # a machine in a container may have less than the unit asks for
    assert re.search(rf"Max open files +{n} +{n} ", run("cat", f"{proc}/limits"))
    status = run("cat", f"{proc}/status")
    for line in (r"Seccomp:\t2", r"CapEff:\t0+", r"CapBnd:\t0+", r"NoNewPrivs:\t1"):
        assert re.search(f"^{line}$", status, flags=re.M), line
