"""What every client has to manage with a broker: the rows of the table in docs/testing.md.

A check is a function of a Session; its name, with dashes, is the name of the row and its first line says what it proves.
It fails by an exception. Each makes topics of its own, named after the client and the check, so a run needs no clean
broker and checks do not disturb each other. Nothing here waits for a time to pass.
"""
import base64
import contextlib
import itertools
import struct
import time
import zlib

from client import ClientError, Unsupported, record

CHECKS, SECTIONS = {}, {}  # by name: the function; by title: the names
CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
RETENTION = "retention.ms"
TIMEOUT_S = 30


def section(title):
    """The checks that follow belong together: a column of the table."""
    SECTIONS[title] = []


def check(function, name=None):
    name = name or function.__name__.replace("_", "-")
    CHECKS[name] = function
    SECTIONS[list(SECTIONS)[-1]].append(name)
    return function


class Session:
    """A running client, a way to start more of them, and names for topics and groups that nobody else uses."""

    def __init__(self, start_client, prefix):
        self.client, self.start_client = start_client(), start_client
        self._names = (f"{prefix}-{number}" for number in itertools.count())
        self._idle = []

    def __enter__(self):
        return self

    def __exit__(self, *_error):
        for client in [self.client, *self._idle]:
            client.kill()

    def revive(self):
        """A client whose process has ended, in an assertion of its library, is started anew."""
        if self.client.has_ended():
            self.client.kill()
            self.client = self.start_client()

    def spare_client(self):
        """One more process of the client: one that was kept, and has not ended in an assertion of its library, or a new one."""
        while self._idle:
            client = self._idle.pop()
            if not client.has_ended():
                return client
            client.kill()
        return self.start_client()

    def keep_client(self, client):
        """The next one who wants a spare client takes this one, which is idle."""
        self._idle.append(client)

    def unused_name(self):
        return next(self._names)

    def new_topic(self, partitions=1, **configs):
        topic = self.unused_name()
        self.client.create_topic(topic=topic, partitions=partitions, configs=configs)
        return topic

    def settled_topic(self, partitions):
        """A topic that is there for every client: Apache Kafka may answer CreateTopics before it tells of the topic."""
        topic = self.new_topic(partitions)
        deadline = time.monotonic() + TIMEOUT_S
        while time.monotonic() < deadline:
            with contextlib.suppress(ClientError):
                if len(self.client.describe_topic(topic=topic)["leaders"]) == partitions:
                    break
        return topic

    def any_topic(self):
        """A topic that is there, if the client can create one; a name that produce will create one for, else."""
        try:
            return self.settled_topic(1)
        except Unsupported:
            return self.unused_name()

    def produce(self, topic, records, partition=0, codec="none", acks="all", idempotent=False):
        """`partition` None: where the client's own partitioner puts each. Returns what the client says of it."""
        return self.client.produce(topic=topic, partition=partition, codec=codec, acks=acks, idempotent=idempotent,
                                   records=records)

    def fetch(self, topic, start, count, partition=0):
        return self.client.fetch(topic=topic, partition=partition, start=start, count=count)["records"]

    def offset(self, topic, at):
        return self.client.list_offsets(topic=topic, partition=0, at=at)["offset"]

    def round_trip(self, topic, records, **how):
        """Produce the records and read the same back from the start, in order."""
        self.produce(topic, records, **how)
        fetched = self.fetch(topic, "earliest", len(records))
        expect([one["offset"] for one in fetched], list(range(len(records))))
        expect([strip(one) for one in fetched], [strip(one) for one in records])


def strip(one):
    """What a producer decides of a record."""
    return one["key"], one["value"], [tuple(header) for header in one["headers"]]


def expect(got, expected):
    if got != expected:
        raise AssertionError(f"expected {shorten(expected)}, got {shorten(got)}")


def shorten(value):
    text = repr(value)
    return text if len(text) < 300 else text[:300] + " …"


@contextlib.contextmanager
def refused():
    try:
        yield
    except ClientError:
        return
    raise AssertionError("expected an error")


def murmur2(key):
    """Apache Kafka's hash, made positive as its partitioner does."""
    mix, mask = 0x5bd1e995, 0xffffffff
    value = (0x9747b28c ^ len(key)) & mask
    whole = len(key) - len(key) % 4
    for (word,) in struct.iter_unpack("<I", key[:whole]):
        word = word * mix & mask
        value = (value * mix & mask) ^ ((word ^ word >> 24) * mix & mask)
    if key[whole:]:
        value = (value ^ int.from_bytes(key[whole:], "little")) * mix & mask
    value = (value ^ value >> 13) * mix & mask
    return (value ^ value >> 15) & 0x7fffffff


def fnv1a(key):
    """That of the clients in Go: the remainder is taken of a signed number, then its sign dropped."""
    value = 0x811c9dc5
    for byte in key:
        value = (value ^ byte) * 0x01000193 & 0xffffffff
    return value if value < 1 << 31 else (1 << 32) - value


PARTITIONERS = {"murmur2": murmur2, "crc32": zlib.crc32, "fnv1a": fnv1a}


def texts(count, size=20):
    """Records with keys and values that compress well."""
    return [record(f"key-{i}", f"value-{i}-".ljust(size, "x")) for i in range(count)]


section("topics")


@check
def create_topic(session):
    """A topic is complete when CreateTopics answers; the same name again is refused."""
    topic = session.new_topic(partitions=3)
    expect(session.client.describe_topic(topic=topic)["leaders"], [1, 1, 1])
    with refused():
        session.client.create_topic(topic=topic, partitions=3, configs={})


@check
def create_partitions(session):
    """Partitions are added and take records; fewer than there are is refused."""
    topic = session.new_topic(partitions=1)
    session.client.create_partitions(topic=topic, total=4)
    expect(session.client.describe_topic(topic=topic)["leaders"], [1, 1, 1, 1])
    session.produce(topic, texts(1), partition=3)
    expect(len(session.fetch(topic, "earliest", 1, partition=3)), 1)
    with refused():
        session.client.create_partitions(topic=topic, total=2)


@check
def topic_configs(session):
    """A topic's configuration is set at its creation, altered and set back to the default."""
    topic = session.new_topic(**{RETENTION: "3600000"})

    def retention():
        return session.client.describe_configs(topic=topic)["configs"][RETENTION]

    expect(retention(), "3600000")
    session.client.alter_config(topic=topic, name=RETENTION, value="7200000")
    expect(retention(), "7200000")
    session.client.alter_config(topic=topic, name=RETENTION, value=None)
    expect(retention(), "604800000")
    with refused():
        session.client.alter_config(topic=topic, name=RETENTION, value="soon")


@check
def delete_topic(session):
    """A deleted topic is gone when DeleteTopics answers, its name is free at once and the new topic is empty."""
    topic = session.new_topic(partitions=2)
    session.produce(topic, texts(1))
    session.client.delete_topic(topic=topic)
    session.client.create_topic(topic=topic, partitions=1, configs={})
    expect(session.client.describe_topic(topic=topic)["leaders"], [1])
    session.round_trip(topic, texts(2))


@check
def auto_creation(session):
    """Producing to an unknown topic creates it."""
    session.round_trip(session.unused_name(), texts(3))


@check
def delete_records(session):
    """What lies below an offset is gone, also in the middle of a batch; beyond the end is refused."""
    topic = session.new_topic()
    session.produce(topic, texts(20))
    session.client.delete_records(topic=topic, partition=0, before=8)
    expect([session.offset(topic, "earliest"), session.offset(topic, "latest")], [8, 20])
    expect([one["offset"] for one in session.fetch(topic, "earliest", 12)], list(range(8, 20)))
    with refused():
        session.client.delete_records(topic=topic, partition=0, before=21)


@check
def log_dirs(session):
    """The size of each partition's log, wherever it lies."""
    topic = session.new_topic(partitions=3)
    session.produce(topic, texts(100, size=1000))
    sizes = session.client.log_sizes(topic=topic)["sizes"]
    expect(len(sizes), 3)
    expect(sum(sizes) > 100000, True)


section("produce")


def add_codec_check(codec):
    def round_trip(session):
        session.round_trip(session.any_topic(), texts(100, size=1000), codec=codec)
    check(round_trip, f"codec-{codec}")


for each_codec in CODECS:
    add_codec_check(each_codec)


@check
def acks_0(session):
    """Records that are sent without waiting for an answer arrive."""
    session.round_trip(session.any_topic(), texts(10), acks="0")


@check
def acks_1(session):
    """The leader's acknowledgement."""
    session.round_trip(session.any_topic(), texts(10), acks="1")


@check
def acks_all(session):
    """The acknowledgement of all replicas, of which there is one."""
    session.round_trip(session.any_topic(), texts(10), acks="all")


@check
def idempotent(session):
    """An idempotent producer gets an id and its records keep their order; a second producer goes on behind them."""
    topic = session.any_topic()
    session.round_trip(topic, texts(1000), idempotent=True)
    session.produce(topic, texts(10), idempotent=True, codec="gzip")
    expect(session.offset(topic, "latest"), 1010)


@check
def headers(session):
    """Headers keep their order, also with the same name twice."""
    pairs = [("trace", "1"), ("trace", "2"), ("kind", "text")]
    session.round_trip(session.any_topic(), [record("k", "v", pairs), record("k", "v")])


@check
def null_and_empty(session):
    """A null key, a null value and empty ones are told apart."""
    session.round_trip(session.any_topic(), [record(None, "v"), record("k", None), record("", "v"), record("k", "")])


@check
def null_header(session):
    """A header's value may be null or empty."""
    session.round_trip(session.any_topic(), [record("k", "v", [("none", None), ("empty", "")])])


@check
def partitioner(session):
    """Without a partition the client's own hash of the key chooses it."""
    try:
        topic = session.settled_topic(6)
    except Unsupported:  # the broker is set to create topics with so many
        topic = session.unused_name()
    place = PARTITIONERS[session.produce(topic, texts(60), partition=None)["hash"]]
    seen = 0
    for partition in range(6):
        end = session.client.list_offsets(topic=topic, partition=partition, at="latest")["offset"]
        keys = [base64.b64decode(one["key"]) for one in session.fetch(topic, "earliest", end, partition)] if end else []
        expect({place(key) % 6 for key in keys} - {partition}, set())
        seen += len(keys)
    expect(seen, 60)


@check
def large_record(session):
    """A record of 10 MB, where the topic allows it; where it does not it is refused."""
    size = 10_000_000
    with refused():
        session.produce(session.new_topic(), [record("k", "v" * size)])
    session.round_trip(session.new_topic(**{"max.message.bytes": "11000000"}), [record("k", "v" * size)])


section("fetch")


@check
def fetch_start(session):
    """From the start, over several produced batches."""
    topic = session.any_topic()
    session.produce(topic, texts(20))
    session.produce(topic, texts(20))
    expect([one["offset"] for one in session.fetch(topic, "earliest", 40)], list(range(40)))


@check
def fetch_offset(session):
    """From an offset, also inside a compressed batch."""
    topic = session.any_topic()
    session.produce(topic, texts(20), codec="gzip")
    expect([one["offset"] for one in session.fetch(topic, 7, 13)], list(range(7, 20)))


@check
def fetch_end(session):
    """From the end: only what is produced from then on."""
    topic = session.any_topic()
    session.produce(topic, texts(20))
    with session.start_client() as reader:
        reader.begin("fetch", topic=topic, partition=0, start="latest", count=1)
        while not reader.answered():  # a record produced before the reader asked for the end is not for it
            session.produce(topic, texts(1))
        (first,) = reader.finish()["records"]
    expect(first["offset"] >= 20, True)


@check
def fetch_waiting(session):
    """A fetch at the end waits and gets the next record."""
    topic = session.any_topic()
    session.produce(topic, texts(5))
    with session.start_client() as reader:
        reader.begin("fetch", topic=topic, partition=0, start=5, count=2)
        session.produce(topic, texts(1))
        session.produce(topic, texts(1))
        expect([one["offset"] for one in reader.finish()["records"]], [5, 6])


@check
def list_offsets(session):
    """The first offset and the next one."""
    topic = session.any_topic()
    session.produce(topic, texts(20))
    expect([session.offset(topic, "earliest"), session.offset(topic, "latest")], [0, 20])


@check
def offset_for_timestamp(session):
    """The first record at or after a time, and a fetch from there."""
    topic = session.any_topic()
    session.produce(topic, texts(1))
    first = session.fetch(topic, "earliest", 1)[0]["timestamp"]
    for count in itertools.count(2):
        session.produce(topic, texts(1))
        fetched = session.fetch(topic, "earliest", count)
        if fetched[-1]["timestamp"] > first:
            break
    expect(session.offset(topic, first), 0)
    later = session.offset(topic, first + 1)
    expect(later, count - 1)
    expect(session.fetch(topic, later, 1)[0]["offset"], later)
