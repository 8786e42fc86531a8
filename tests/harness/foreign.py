# SPDX-License-Identifier: MIT
"""A member of the group that is not ours: confluent-kafka in the same process, read by the hub."""
from confluent_kafka import Consumer


class Foreign:
    """Joins with the strategies that it is given; `places` is what Kafka gave it."""

    reading = True

    def __init__(self, scene, topics, strategy, **config):
        self.hub, self.places, self.errors, self.messages = scene.hub, [], [], []
        self.consumer = Consumer({
            "bootstrap.servers": scene.broker.bootstrap, "group.id": scene.group_id,
            "partition.assignment.strategy": strategy, "session.timeout.ms": 4500,
            "heartbeat.interval.ms": 500, "auto.offset.reset": "earliest", "log_level": 2,
            "error_cb": lambda error: self.errors.append(error), **config})
        self.consumer.subscribe(topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
        self.hub.add(self)
        scene.clients.append(self)

    def _on_assign(self, _, places):
        self.places = sorted({*self.places, *((p.topic, p.partition) for p in places)})

    def _on_revoke(self, _, places):
        self.places = sorted({*self.places} - {(p.topic, p.partition) for p in places})

    def fileno(self):
        return -1

    def on_turn(self):
        message = self.consumer.poll(0)
        if message is None:
            return False
        (self.errors if message.error() else self.messages).append(message.error() or message)
        return True

    def error_names(self):
        return [error.name() for error in self.errors]

    def disconnect(self):
        if self in self.hub.members:
            self.hub.remove(self)
            self.consumer.close()
