"""The half of an adapter that is the same for every client in Python: command lines in, answers out. See README.md.

A client's adapter is a class with one method a command; the arguments are the command's fields. It returns a dictionary,
raises Unsupported for what the client cannot do, anything else for a failure. Bytes are bytes here and base64 in JSON.
"""
import base64
import contextlib
import inspect
import json
import select
import sys


HEARTBEAT_MS = 300  # a member learns of a rebalance with its next heartbeat
POLL_MAX = 1000  # records that a member gives out at most in one go
MAX_MESSAGE_BYTES = 12_000_000  # of a producer: more than the largest record here


class Unsupported(Exception):
    """The client has no way to do this; the text says why."""


def decode_record(record):
    return {"key": from_base64(record.get("key")), "value": from_base64(record.get("value")),
            "headers": [(name, from_base64(value)) for name, value in record.get("headers") or []]}


def encode_record(offset, timestamp, key, value, headers):
    return {"offset": offset, "timestamp": timestamp, "key": to_base64(key), "value": to_base64(value),
            "headers": [(name, to_base64(content)) for name, content in headers or []]}


def from_base64(text):
    return None if text is None else base64.b64decode(text)


def to_base64(content):
    return None if content is None else base64.b64encode(content).decode()


def numbered_value(number, size):
    """Record `number` of the large test: its own number in twelve digits, then one byte that follows from it."""
    return b"%012d" % number + bytes([number % 251]) * (size - 12)


def check_numbered(number, offset, value, size):
    """Raise unless this is record `number`, whole and at its place."""
    if offset != number or value != numbered_value(number, size):
        raise AssertionError(f"record {number} expected, offset {offset} has {value[:20]!r} of {len(value)} bytes")


class Stream:
    """What of a stream was acknowledged, or read: the record with number n of a partition has offset n, and with `keys`
    the key n mod keys. Without keys none is left out, but for the first ones."""

    def __init__(self, partitions, keys=0):
        self.first, self.next, self.keys = [None] * partitions, [0] * partitions, keys
        self.last = [{} for _ in range(partitions)]  # by key

    def see(self, partition, offset, number):
        if offset != number:
            raise AssertionError(f"partition {partition}: record {number} is at offset {offset}")
        if self.first[partition] is None:
            self.first[partition] = offset
        elif offset < self.next[partition] or (offset > self.next[partition] and not self.keys):
            raise AssertionError(f"partition {partition}: record {offset} comes after {self.next[partition] - 1}")
        self.next[partition] = offset + 1
        if self.keys:
            self.last[partition][number % self.keys] = number

    def count(self):
        return sum(self.next)

    def reached(self, counts):
        """Is all there of a stream whose partitions have so many records? Raises when a key's last record is missing."""
        if counts is None or any(at < count for at, count in zip(self.next, counts)):
            return False
        for partition, count in enumerate(counts):
            for number in range(max(0, count - self.keys), count):
                if self.last[partition].get(number % self.keys) != number:
                    raise AssertionError(f"partition {partition}: record {number} is missing, the last one of its key")
        return True


def stream_key(number, keys):
    return b"%d" % (number % keys) if keys else None


def check_stream_value(value, size):
    """The number of a record of a stream; raises unless it is whole."""
    number = int(value[:12])
    if value != numbered_value(number, size):
        raise AssertionError(f"{value[:20]!r} of {len(value)} bytes is no record of the stream")
    return number


class GroupMember:
    """The part of a member of a group that is the same for every client: what its group_poll reports."""

    def __init__(self):
        self.topic, self.rebalances, self.revoked = None, 0, 0

    def joined(self, topic):
        self.topic, self.rebalances, self.revoked = topic, 0, 0

    def was_assigned(self):
        self.rebalances += 1

    def was_revoked(self, partitions):
        self.revoked += partitions

    def polled(self, records, assigned):
        """The result of group_poll: records as (partition, offset, value), partitions that the member has."""
        return {"records": [(partition, offset, value.decode()) for partition, offset, value in records],
                "assigned": assigned, "rebalances": self.rebalances, "revoked": self.revoked}


class Transactional:
    """Producers by their transactional ids: each is kept, with its open transaction, until it fails."""

    def __init__(self):
        self.producers, self.open = {}, set()

    @contextlib.contextmanager
    def use(self, name, begin):
        """The producer, made by `begin` if there is none, and whether it is to begin a transaction."""
        try:
            if name not in self.producers:
                self.producers[name] = begin()
            yield self.producers[name], name not in self.open
        except Exception:
            self.producers.pop(name, None)
            self.open.discard(name)
            raise

    def left(self, name, ended):
        (self.open.discard if ended else self.open.add)(name)


def isolation(committed):
    return "read_committed" if committed else "read_uncommitted"


def told():
    """The next command, if it has come while one is carried out; None else."""
    return json.loads(sys.stdin.readline()) if select.select([sys.stdin], [], [], 0)[0] else None


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def serve(adapter, run=lambda result: result):
    """Answer commands from standard input until it ends. `run` makes the result of what a method returns."""
    for line in sys.stdin:
        command = json.loads(line)
        method = getattr(adapter, command.pop("do"), None)
        try:
            if method is None:
                raise Unsupported("the client has no such call")
            if "records" in command:
                command["records"] = [decode_record(record) for record in command["records"]]
            known = inspect.signature(method).parameters
            result = run(method(**{name: value for name, value in command.items() if name in known}))
            say({"result": result or {}})
        except Unsupported as reason:
            say({"unsupported": str(reason)})
        except Exception as error:  # whatever the client library throws is the answer
            say({"error": f"{type(error).__name__}: {error}"})
