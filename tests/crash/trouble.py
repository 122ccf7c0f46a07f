"""Checks: a disk that is full or broken.

What was acknowledged is there when the disk is well again; what was not is refused with KAFKA_STORAGE_ERROR; partitions that
the trouble does not reach know nothing of it; a stop that could not write all is not called clean. Each check gets a function
that makes a broker with a disk of its own.
"""
import re

from changes import Reader, all_topics, topic_partitions
from checks import expect
from dohle import DohleError
from preload import EIO, ENOSPC, GROWS
from wire import Closed, Peer, batch, create, create_topics, end_offset, fetch, fetched, produce, produce_errors

NONE, LEADER_NOT_AVAILABLE, NOT_LEADER, STORAGE_ERROR = 0, 5, 6, 56  # to Fetch 4 the last one is told as the one before
NO_LEADER = -1
FLUSHED = ["log.flush.interval.messages=1"]


class Scene:
    """A broker with topic `t` of two partitions and topic `other` of one; each record that is produced has a number."""

    def __init__(self, new, options=()):
        self.dohle, self.disk = new()
        self.options = list(options)
        self.number = self.ahead_s = 0
        self.acknowledged = {("t", 0): [], ("t", 1): [], ("other", 0): []}
        self.peer = None
        self.start()
        create(self.dohle.address(), ["t"], 2)
        create(self.dohle.address(), ["other"], 1)
        self.produce({"t": [NONE, NONE], "other": [NONE]})

    def start(self):
        self.dohle.start(self.options)
        self.peer = Peer(self.dohle.address())

    def ask(self, request):
        """A peer may lose its connection to a read that fails in the middle of an answer; it connects again."""
        try:
            return self.peer.ask(request)
        except Closed:
            self.peer = Peer(self.dohle.address())
            raise

    def produce(self, wanted):
        """A record to each partition of the topics in `wanted`, whose errors are to be these."""
        for topic, errors in wanted.items():
            self.number += 1
            found = produce_errors(self.ask(produce(topic, list(range(len(errors))), batch(b"#%d#" % self.number, self.ahead_s))))
            expect(found == dict(enumerate(errors)), f"produced to {topic}: {found}, not {errors}")
            for partition, error in enumerate(errors):
                if error == NONE:
                    self.acknowledged[topic, partition].append(self.number)

    def read(self, *places):
        """All that was acknowledged is read, and nothing else."""
        for topic, partition in places or self.acknowledged:
            numbers, offset = [], 0
            while True:
                found = fetched(self.ask(fetch(topic, [partition], offset=offset)))[partition]
                expect(isinstance(found, bytes), f"{topic}-{partition} is read: error {found}")
                if not found:
                    break
                numbers += [int(number) for number in re.findall(rb"#(\d+)#", found)]
                offset = end_offset(found)
            expect(numbers == self.acknowledged[topic, partition],
                   f"{topic}-{partition}: {numbers}, not {self.acknowledged[topic, partition]}")

    def create_error(self, name):
        reader = Reader(self.ask(create_topics([name], 1)))
        reader.take("ii")
        reader.text()
        return reader.take("h")

    def partitions(self):
        """{topic: {partition: (error, leader)}} by Metadata."""
        return topic_partitions(self.ask(all_topics()))

    def restart(self):
        self.dohle.kill()
        self.start()

    def stop(self):
        self.peer.close()
        self.dohle.stop()

    def stop_badly(self):
        """A stop that ends in time, says that it went wrong, and leaves no mark of a clean one."""
        try:
            self.stop()
        except DohleError as error:
            expect("status 1" in str(error), f"{error}")
        else:
            raise AssertionError("the stop went well")
        expect(not (self.dohle.data / ".kafka_cleanshutdown").exists(), "no mark of a clean stop")

    def end(self):
        """Restarted and stopped, everything is as it was acknowledged."""
        self.read()
        self.stop()
        self.start()
        self.read()
        self.stop()


def full_disk(new):
    """Nothing is appended and nothing made, all is read; then space is freed, and all goes on by itself."""
    scene = Scene(new)
    scene.disk.full()
    for _ in range(3):
        scene.produce({"t": [STORAGE_ERROR, STORAGE_ERROR], "other": [STORAGE_ERROR]})
        scene.read()
    expect(scene.create_error("new") == STORAGE_ERROR, "a topic cannot be made")
    found = scene.partitions()
    expect("new" not in found, "and is not there")
    expect(all(error == NONE for topic in found.values() for error, _ in topic.values()), f"all have a leader: {found}")
    scene.disk.well()
    scene.produce({"t": [NONE, NONE], "other": [NONE]})
    expect(scene.create_error("new") == NONE, "a topic is made")
    scene.restart()
    scene.end()


def full_for_one_file(new):
    """Whatever a partition wants to write, and cannot: other partitions go on, and so does it when there is space."""
    told = []
    for part in (".log", ".index", ".timeindex", ".snapshot", "leader-epoch-checkpoint", "partition.metadata"):
        scene = Scene(new, ["log.roll.ms=1"])  # each batch begins a segment
        scene.disk.fails(ENOSPC, GROWS, part)
        for _ in range(3):
            scene.number += 1
            errors = produce_errors(scene.ask(produce("t", [0, 1], batch(b"#%d#" % scene.number))))
            for partition, error in errors.items():
                expect(error in (NONE, STORAGE_ERROR), f"error {error} without {part}")
                if error == NONE:
                    scene.acknowledged["t", partition].append(scene.number)
        told.append(f"{part} {errors[0]}")
        scene.read()
        scene.disk.well()
        scene.produce({"t": [NONE, NONE], "other": [NONE]})
        scene.restart()
        scene.end()
    return ", ".join(told)


def full_at_the_stop(new):
    """The stop ends, and does not say that it was clean."""
    scene = Scene(new)
    scene.disk.full()
    scene.stop_badly()
    scene.disk.well()
    scene.start()
    scene.end()


def full_at_the_start(new):
    """After a kill: the start serves, or says what is wrong; when there is space nothing is missing."""
    scene = Scene(new)
    scene.dohle.kill()
    scene.disk.full()
    try:
        scene.start()
        told = "served"
        scene.read()
        scene.produce({"t": [STORAGE_ERROR, STORAGE_ERROR], "other": [STORAGE_ERROR]})
        scene.disk.well()
        scene.produce({"t": [NONE, NONE], "other": [NONE]})
    except DohleError as error:
        told = "refused"
        expect(" ERROR " in str(error), f"it says why: {error}")
        scene.disk.well()
        scene.start()
    scene.end()
    return told


def one_offline(scene):
    """Partition 0 of `t` is offline, the others go on; so it is until a restart."""
    for _ in range(2):
        scene.produce({"t": [STORAGE_ERROR, NONE], "other": [NONE]})
        scene.read(("t", 1), ("other", 0))
        found = scene.partitions()
        expect(found["t"] == {0: (LEADER_NOT_AVAILABLE, NO_LEADER), 1: (NONE, 1)}, f"Metadata says {found['t']}")
        scene.disk.well()
    expect(fetched(scene.ask(fetch("t", [0])))[0] == NOT_LEADER, "nothing is read of what is offline")


def write_error(new):
    """A log that cannot be written is offline, the others go on; its records are there after a restart."""
    scene = Scene(new)
    scene.disk.fails(EIO, "pwrite", "/t-0/")
    one_offline(scene)
    scene.stop_badly()
    scene.start()
    scene.end()


def sync_error(new):
    """The same for one that cannot be synced: what was not is not acknowledged."""
    scene = Scene(new, FLUSHED)
    scene.disk.fails(EIO, "fdatasync", "/t-0/")
    errors = produce_errors(scene.ask(produce("t", [0, 1], batch(b"#0#"))))
    expect(errors == {0: STORAGE_ERROR, 1: NONE}, f"{errors}")
    scene.acknowledged["t", 0].append(0)  # refused, and in the page cache all the same: a restart may find it
    scene.acknowledged["t", 1].append(0)
    one_offline(scene)
    scene.stop_badly()
    scene.start()
    scene.end()


def read_error(new):
    """What cannot be read is an error for who asks for it."""
    scene = Scene(new)
    scene.disk.fails(EIO, "pread,sendfile", "/t-0/")
    try:
        error = fetched(scene.ask(fetch("t", [0])))[0]
        told = f"error {error}"
        expect(error == NOT_LEADER, f"error {error}")
    except Closed:
        told = "connection closed"
    scene.read(("t", 1), ("other", 0))
    scene.disk.well()
    scene.restart()
    scene.end()
    return told


def metadata_error(new):
    """A metadata log that cannot be written: no topic is made any more, partitions go on, and a restart heals it."""
    scene = Scene(new)
    scene.disk.fails(EIO, "pwrite", "/__cluster_metadata-0/")
    for _ in range(2):
        expect(scene.create_error("new") == STORAGE_ERROR, "a topic cannot be made")
        scene.produce({"t": [NONE, NONE], "other": [NONE]})
        scene.disk.well()
    scene.read()
    scene.stop_badly()
    scene.start()
    expect(scene.create_error("new") == NONE, "a topic is made")
    scene.end()


CHECKS = [full_disk, full_for_one_file, full_at_the_stop, full_at_the_start, write_error, sync_error, read_error,
          metadata_error]
