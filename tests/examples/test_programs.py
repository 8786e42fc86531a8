# SPDX-License-Identifier: MIT
"""client-lib/c/examples: each receives everything, commits its marks and ends as it should."""
import signal

import pytest

N_PARTITIONS, N_MESSAGES = 2, 20


@pytest.fixture
def topic(scene):
    return scene.topic(N_PARTITIONS)


@pytest.fixture
def values(scene, topic):
    """What is in the topic."""
    return [value.decode() for partition in range(N_PARTITIONS)
            for value in scene.witness.fill(topic, partition, N_MESSAGES)]


@pytest.fixture
def example(billing, builddir, topic, values):
    """Starts the example of a name on the topic."""
    def start(name, *arguments):
        return billing.start(builddir / f"client-lib/c/example-{name}", "billing", topic,
                             *arguments)
    return start


def wait_committed(scene, topic):
    for partition in range(N_PARTITIONS):
        scene.wait_committed(topic, partition, N_MESSAGES)


def test_consume_prints_each_message_and_marks_it(scene, example, topic, values):
    program = example("consume")
    program.wait_output(*(f"\t{value}\n" for value in values))
    wait_committed(scene, topic)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_consume_ends_in_order_with_a_signal(scene, example, topic, values, number):
    """What it printed is committed when it has ended, not some time after."""
    program = example("consume")
    program.wait_output(*(f"\t{value}\n" for value in values))
    assert program.stop(number) == 0, program.output()
    assert [scene.committed(topic, i) for i in range(N_PARTITIONS)] == [N_MESSAGES] * N_PARTITIONS


def test_poll_tells_what_it_holds_and_ends_with_a_signal(scene, example, topic, values):
    program = example("poll")
    program.wait_output(*(f"assigned: {topic}/{i}" for i in range(N_PARTITIONS)),
                        f"{len(values)} messages/s")
    assert program.stop(signal.SIGINT) == 0
    wait_committed(scene, topic)


def test_batch_commits_before_it_ends(scene, example, topic, values):
    program = example("batch", len(values))
    assert program.wait_exit() == 0, program.output()
    assert f"{len(values)} messages" in program.output()
    assert [scene.committed(topic, i) for i in range(N_PARTITIONS)] == [N_MESSAGES] * N_PARTITIONS


def test_batch_says_why_it_cannot_open(billing, builddir):
    program = billing.start(builddir / "client-lib/c/example-batch", "nobodys", "t")
    assert program.wait_exit() == 69
    assert "[group nobodys]" in program.output()


def begins_and_all_values(program, topic, values, line):
    program.wait_output(*(f"begins: {topic}/{i}" for i in range(N_PARTITIONS)),
                        *(line.format(value=value) for value in values))


def test_partitions_threads_reads_each_partition_in_a_thread(scene, example, topic, values):
    program = example("partitions_threads")
    begins_and_all_values(program, topic, values, "\t{value}\n")
    wait_committed(scene, topic)
    assert program.stop(signal.SIGTERM) == 0, program.output()
    assert program.output().count(f"ends: {topic}/") == N_PARTITIONS


def test_partitions_poll_reads_all_in_a_loop(scene, example, topic, values):
    program = example("partitions_poll")
    begins_and_all_values(program, topic, values, "\t{value}\n")
    wait_committed(scene, topic)
    assert program.stop(signal.SIGINT) == 0, program.output()
    for partition in range(N_PARTITIONS):
        assert f"ends: {topic}/{partition} after {N_MESSAGES} messages" in program.output()


@pytest.mark.parametrize("name", ["partitions_threads", "partitions_poll"])
def test_a_sibling_takes_half_of_the_partitions_over(example, topic, values, name):
    one = example(name)
    begins_and_all_values(one, topic, values, "\t{value}\n")
    two = example(name)
    two.wait_output(f"begins: {topic}/")
    one.wait_output(f"ends: {topic}/")
    assert one.stop() == two.stop() == 0, one.output() + two.output()


def test_patterns_takes_what_matches_and_is_not_excluded(scene, billing, builddir, topic, values):
    other = scene.topic(1)
    scene.witness.fill(other, 0, 1)
    program = billing.start(builddir / "client-lib/c/example-patterns", "billing",
                            f"^({topic}|{other})$", f"^{other}$")
    program.wait_output(*(f"\t{value}\n" for value in values))
    wait_committed(scene, topic)
    assert program.stop(signal.SIGTERM) == 0, program.output()
    assert f"assigned: {other}/" not in program.output()
