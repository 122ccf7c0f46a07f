"""Check: kill -9 again and again, at any moment, under producers and a reader that go on over all of it.

Each producer has topics of its own, so the record with number n of a partition has to be at offset n, once, whatever was
sent again. A kill comes after some more records were acknowledged, or while the broker starts. The page cache outlives the
process: nothing that was acknowledged or read may be gone, whatever was synced.
"""
import random
import subprocess
import time
from contextlib import ExitStack

from changes import Changes
from checks import expect
from client import Client

PROGRESS_S = 90  # a net

# What is done to a partition in the background comes often: rolls, retention, compaction, checkpoints.
OPTIONS = ["log.retention.check.interval.ms=50", "log.initial.task.delay.ms=0", "log.cleaner.backoff.ms=50",
           "log.flush.offset.checkpoint.interval.ms=100", "log.flush.start.offset.checkpoint.interval.ms=100",
           "replica.high.watermark.checkpoint.interval.ms=100", "log.segment.delete.delay.ms=200"]


class Stream:
    """A topic with its producer."""

    def __init__(self, name, client, partitions, codec, size, configs=None, keys=0):
        self.name, self.client, self.partitions, self.codec, self.size = name, client, partitions, codec, size
        self.configs, self.keys = configs or {}, keys
        self.producer, self.acknowledged = None, 0

    def fields(self):
        return {"topic": self.name, "partitions": self.partitions, "size": self.size, "keys": self.keys}


def streams():
    small = {"internal.segment.bytes": "60000", "index.interval.bytes": "1000"}
    return [
        Stream("librdkafka", "confluent-kafka", 3, "lz4", 100, {"index.interval.bytes": "500"}),
        Stream("java", "java", 3, "zstd", 200, {**small, "segment.index.bytes": "800"}),
        Stream("deleted", "confluent-kafka", 2, "none", 500, {**small, "retention.bytes": "200000"}),
        Stream("compacted", "confluent-kafka", 2, "snappy", 50,
               {**small, "cleanup.policy": "compact", "min.cleanable.dirty.ratio": "0.01"}, keys=100),
    ]


class Kills:
    """`changes` makes the Background that goes on beside."""

    def __init__(self, dohle, commands, log, seed, changes=Changes):
        self.dohle, self.commands, self.log = dohle, commands, log
        self.random = random.Random(seed)
        self.streams = streams()
        self.changes = changes(self.random.random())
        self.starts_killed, self.slowest_s = 0, 0.0
        self.reader = None

    def client(self, stack, name):
        return stack.enter_context(Client(self.commands[name], self.dohle.address(), self.log))

    def run(self, rounds):
        with ExitStack() as stack:
            stack.callback(self.dohle.kill)
            stack.callback(self.changes.stop)
            self.dohle.start(OPTIONS)
            self.begin(stack)
            for _ in range(rounds):
                self.one_round()
            counts = self.end()
            self.verify(stack, counts)
            self.dohle.stop()  # and again as a clean stop leaves it
            self.dohle.start(OPTIONS)
            self.changes.settle(self.dohle.address())
            self.verify(stack, counts)
            self.dohle.stop()
        return (f"{rounds} kills, {self.starts_killed} more while starting, {sum(map(sum, counts.values()))} records, "
                f"{self.changes.answered} changes beside, slowest start {self.slowest_s * 1000:.0f} ms")

    def begin(self, stack):
        admin = self.client(stack, "confluent-kafka")
        for stream in self.streams:
            admin.create_topic(topic=stream.name, partitions=stream.partitions, configs=stream.configs)
        for stream in self.streams:
            stream.producer = self.client(stack, stream.client)
            stream.producer.begin("produce_stream", **stream.fields(), codec=stream.codec)
        self.reader = self.client(stack, "confluent-kafka")
        self.reader.begin("fetch_stream", **self.streams[0].fields())
        self.changes.go_on(self.dohle.address())
        for stream in self.streams:
            self.wait_for_progress(stream, 1)

    def note_progress(self):
        """Take in what the clients told so far; raises what failed."""
        for stream in self.streams:
            while stream.producer.answered():
                stream.acknowledged = stream.producer.next_progress()
        expect(not self.reader.answered(), "the reader goes on")

    def wait_for_progress(self, stream, more):
        """At least so many more of a stream's records are acknowledged."""
        wanted, deadline = stream.acknowledged + more, time.monotonic() + PROGRESS_S
        self.note_progress()
        while stream.acknowledged < wanted:
            expect(time.monotonic() < deadline, f"{stream.name} goes on, {stream.acknowledged} records so far")
            time.sleep(0.002)
            self.note_progress()

    def one_round(self):
        self.wait_for_progress(self.random.choice(self.streams), self.random.randrange(1, 600))
        time.sleep(self.random.random() * 0.02)
        self.dohle.kill()
        self.changes.pause()
        if self.random.randrange(5) == 0:
            self.kill_a_start()
        self.slowest_s = max(self.slowest_s, self.dohle.start(OPTIONS))
        self.changes.settle(self.dohle.address())
        self.changes.go_on(self.dohle.address())

    def kill_a_start(self):
        started = subprocess.Popen(self.dohle.command(OPTIONS), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                   stderr=self.log)
        time.sleep(self.random.random() * 0.03)
        started.kill()
        started.wait()
        self.starts_killed += 1

    def end(self):
        """Let the producers finish. Returns how many records each partition of each stream has."""
        for stream in self.streams:
            stream.producer.begin("end")
        counts = {stream.name: stream.producer.finish()["counts"] for stream in self.streams}
        self.changes.pause()
        first = self.streams[0]
        self.reader.begin("end", counts=counts[first.name])
        expect(self.reader.finish()["counts"] == counts[first.name], "the reader read all")
        return counts

    def verify(self, stack, counts):
        """Read every stream from its begin; the readers compare each record."""
        for stream in self.streams:
            found = self.client(stack, "confluent-kafka").fetch_stream(**stream.fields(), counts=counts[stream.name])
            expect(found["counts"] == counts[stream.name], f"{stream.name}: {found}, not {counts}")
            if "retention.bytes" in stream.configs:
                continue
            expect(stream.keys or found["first"] == [0] * stream.partitions, f"{stream.name} begins at {found['first']}")
        java = self.streams[1]
        found = self.client(stack, "java").fetch_stream(**java.fields(), counts=counts[java.name])
        expect(found["counts"] == counts[java.name], f"Java reads {found}, not {counts}")
