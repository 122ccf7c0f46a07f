"""Topics that are made, deleted and changed without end, beside kills: what was answered holds, what was not may hold.

After each start `settle()` compares what the broker says with what it had answered, and takes over what it could not know.
"""
import struct

from background import Background
from checks import expect
from wire import Peer, batch, create_topics, produce, produce_errors, request, string

DELETE_TOPICS, CREATE_PARTITIONS, DESCRIBE_CONFIGS, ALTER_CONFIGS, METADATA, TOPIC = 20, 37, 32, 44, 3, 2
TOPICS = [f"change-{number}" for number in range(6)]
SETTING = "retention.ms"


def nullable(text):
    return struct.pack(">h", -1) if text is None else string(text)


def delete_topics(names):
    body = struct.pack(">i", len(names)) + b"".join(map(string, names)) + struct.pack(">i", 30000)
    return request(DELETE_TOPICS, 1, 1, body)


def create_partitions(name, total):
    body = struct.pack(">i", 1) + string(name) + struct.pack(">iiib", total, -1, 30000, 0)
    return request(CREATE_PARTITIONS, 0, 1, body)


def alter_config(name, key, value):
    body = struct.pack(">ib", 1, TOPIC) + string(name) + struct.pack(">i", 1) + string(key) + struct.pack(">b", 0)
    return request(ALTER_CONFIGS, 0, 1, body + nullable(value) + b"\0")


def describe_config(name, key):
    body = struct.pack(">ib", 1, TOPIC) + string(name) + struct.pack(">i", 1) + string(key) + b"\0"
    return request(DESCRIBE_CONFIGS, 1, 1, body)


def all_topics():
    return request(METADATA, 1, 1, struct.pack(">i", -1))


class Reader:
    """The fields of an answer, one after another."""

    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, form):
        values = struct.unpack_from(">" + form, self.body, self.at)
        self.at += struct.calcsize(">" + form)
        return values[0] if len(values) == 1 else values

    def text(self):
        size = self.take("h")
        self.at += max(size, 0)
        return None if size < 0 else self.body[self.at - size:self.at].decode()


def topic_partitions(body):
    """Of a Metadata answer, version 1: {topic: {partition: (error, leader)}}."""
    reader, topics = Reader(body), {}
    for _ in range(reader.take("i")):
        reader.take("i"), reader.text(), reader.take("i"), reader.text()
    reader.take("i")
    for _ in range(reader.take("i")):
        reader.take("h")
        name = reader.text()
        reader.take("b")
        topics[name] = {}
        for _ in range(reader.take("i")):
            error, index, leader = reader.take("hii")
            topics[name][index] = (error, leader)
            for _ in range(2):
                reader.take(f"{reader.take('i')}i")
    return topics


def config_value(body):
    """Of an answer to describe_config()."""
    reader = Reader(body)
    _throttle, _count, error = reader.take("iih")
    reader.text(), reader.take("b"), reader.text()
    expect(error == 0 and reader.take("i") == 1, f"a setting is described: {error}")
    reader.text()
    return reader.text()


class Changes(Background):
    """Changes topics."""

    def __init__(self, seed):
        self.known = {}  # topic -> [partitions, value of SETTING]; only what was answered
        self.doubtful = set()  # topics whose last request was not answered
        super().__init__(seed)

    def settle(self, address):
        """Everything that was answered is so."""
        peer = Peer(address)
        found = topic_partitions(peer.ask(all_topics()))
        for name in TOPICS:
            partitions = len(found.get(name, ()))
            if name in self.doubtful:
                self.known.pop(name, None)
                if partitions:
                    self.known[name] = [partitions, config_value(peer.ask(describe_config(name, SETTING)))]
                continue
            expect((name in self.known) == (partitions > 0), f"{name} is {'gone' if name in self.known else 'back'}")
            if name in self.known:
                value = config_value(peer.ask(describe_config(name, SETTING)))
                expect([partitions, value] == self.known[name], f"{name}: {[partitions, value]}, not {self.known[name]}")
        self.doubtful.clear()
        peer.close()

    def step(self, peer):
        name = self.random.choice([topic for topic in TOPICS if topic not in self.doubtful] or [None])
        if name is None:
            self.wanted = False
            return
        self.doubtful.add(name)
        if name not in self.known:
            self._expect_none(peer.ask(create_topics([name], 2)), "hh")
            self.known[name] = [2, "604800000"]
        else:
            known, kind = self.known[name], self.random.randrange(4)
            if kind == 0:
                self._expect_none(peer.ask(delete_topics([name])), "h")
                del self.known[name]
            elif kind == 1 and known[0] < 50:
                self._expect_none(peer.ask(create_partitions(name, known[0] + 1)), "hh")
                known[0] += 1
            elif kind == 2:
                value = str(self.random.randrange(10**9, 10**10))
                reader = Reader(peer.ask(alter_config(name, SETTING, value)))
                expect(reader.take("iih")[2] == 0, "a setting is changed")
                known[1] = value
            else:
                errors = produce_errors(peer.ask(produce(name, list(range(known[0])), batch(b"here"))))
                expect(not any(errors.values()), f"produced to {name}: {errors}")
        self.doubtful.discard(name)
        self.answered += 1

    @staticmethod
    def _expect_none(body, form):
        """The answer for the only topic has no error: throttle time, count, name, error and its text."""
        reader = Reader(body)
        reader.take("ii")
        name, code = reader.text(), reader.take("h")
        expect(code == 0, f"{name} is changed: error {code}")
