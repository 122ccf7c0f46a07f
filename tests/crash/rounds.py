"""Producers and a reader that go on over whatever happens to the broker, round after round.

Each producer has topics of its own, so the record with number n of a partition has to be at offset n, once, whatever was
sent again. What happens in a round is a subclass's; when all rounds are over everything is read, by librdkafka and Java.
"""
import random
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


class Going:
    """A client in a command that goes on until it is told to end, and how far it is."""

    def __init__(self, name, client):
        self.name, self.client, self.count = name, client, 0

    def note(self):
        """Take in what it told so far; raises when it failed."""
        while self.client.answered():
            self.count = self.client.next_progress()


class Stream:
    """A topic and who produces to it."""

    def __init__(self, name, client, partitions, codec, size, configs=None, keys=0):
        self.name, self.client, self.partitions, self.codec, self.size = name, client, partitions, codec, size
        self.configs, self.keys = configs or {}, keys

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


class Rounds:
    """`changes` makes the Background that goes on beside."""

    options = OPTIONS

    def __init__(self, dohle, commands, log, seed, changes=Changes):
        self.dohle, self.commands, self.log = dohle, commands, log
        self.random = random.Random(seed)
        self.streams = streams()
        self.changes = changes(self.random.random())
        self.slowest_s = 0.0
        self.going, self.reader = [], None

    def client(self, stack, name):
        return stack.enter_context(Client(self.commands[name], self.dohle.address(), self.log))

    def run(self, rounds):
        with ExitStack() as stack:
            stack.callback(self.dohle.kill)
            stack.callback(self.changes.stop)
            self.dohle.start(self.options)
            self.begin(stack)
            for _ in range(rounds):
                self.one_round()
            counts = self.end()
            self.verify(stack, counts)
            self.dohle.stop()  # and again as a clean stop leaves it
            self.dohle.start(self.options)
            self.changes.settle(self.dohle.address())
            self.verify(stack, counts)
            self.dohle.stop()
        return (f"{self.told(rounds)}, {sum(map(sum, counts.values()))} records, {self.changes.answered} changes beside, "
                f"slowest start {self.slowest_s * 1000:.0f} ms")

    def one_round(self):
        """Have something happen to the broker; when it is over it is there and all go on."""
        raise NotImplementedError

    def told(self, rounds):
        """What happened, in words."""
        raise NotImplementedError

    def begin(self, stack):
        admin = self.client(stack, "confluent-kafka")
        for stream in self.streams:
            admin.create_topic(topic=stream.name, partitions=stream.partitions, configs=stream.configs)
        for stream in self.streams:
            producer = self.client(stack, stream.client)
            producer.begin("produce_stream", **stream.fields(), codec=stream.codec)
            self.going.append(Going(f"producer of {stream.name}", producer))
        self.reader = self.client(stack, "confluent-kafka")
        self.reader.begin("fetch_stream", **self.streams[0].fields())
        self.going.append(Going("reader", self.reader))
        self.changes.go_on(self.dohle.address())
        for going in self.going:
            self.wait_for_progress(going, 1)

    def wait_for_progress(self, going, more):
        """It gets so many records further, at least."""
        for each in self.going:
            each.note()
        wanted, deadline = going.count + more, time.monotonic() + PROGRESS_S
        while going.count < wanted:
            expect(time.monotonic() < deadline, f"the {going.name} goes on, at {going.count}")
            time.sleep(0.002)
            for each in self.going:
                each.note()

    def wait_for_some(self):
        """Some client gets some records further."""
        self.wait_for_progress(self.random.choice(self.going), self.random.randrange(1, 600))

    def start(self):
        self.slowest_s = max(self.slowest_s, self.dohle.start(self.options))
        self.resume()

    def resume(self):
        """The broker is well: what was answered holds, and the changes go on."""
        self.changes.settle(self.dohle.address())
        self.changes.go_on(self.dohle.address())

    def end(self):
        """Let the producers finish. Returns how many records each partition of each stream has."""
        counts = {}
        for going in self.going[:len(self.streams)]:
            going.client.begin("end")
        for stream, going in zip(self.streams, self.going):
            counts[stream.name] = going.client.finish()["counts"]
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
