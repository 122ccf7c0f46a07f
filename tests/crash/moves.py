"""Logs that move between two data folders without end, beside kills: each has all its records, wherever it is."""
import struct

from background import Background
from changes import Reader
from checks import expect
from wire import Peer, request, string

ALTER_REPLICA_LOG_DIRS, DESCRIBE_LOG_DIRS = 34, 35


def alter_replica_log_dirs(path, topic, partition):
    body = struct.pack(">i", 1) + string(path) + struct.pack(">i", 1) + string(topic) + struct.pack(">ii", 1, partition)
    return request(ALTER_REPLICA_LOG_DIRS, 1, 1, body)


def places(body):
    """Of a DescribeLogDirs answer, version 1: {(topic, partition): its folders}, and the folders."""
    reader, found, folders = Reader(body), {}, []
    reader.take("i")
    for _ in range(reader.take("i")):
        expect(reader.take("h") == 0, "a data folder is described")
        folders.append(reader.text())
        for _ in range(reader.take("i")):
            topic = reader.text()
            for _ in range(reader.take("i")):
                partition, _size, _lag, is_future = reader.take("iqqb")
                found.setdefault((topic, partition), [])
                if not is_future:
                    found[topic, partition].append(folders[-1])
    return found, folders


def describe(peer):
    return places(peer.ask(request(DESCRIBE_LOG_DIRS, 1, 1, struct.pack(">i", -1))))


class Moves(Background):
    """Moves logs."""

    def step(self, peer):
        found, folders = describe(peer)
        (topic, partition), (here,) = self.random.choice(sorted(found.items()))
        (there,) = set(folders) - {here}
        reader = Reader(peer.ask(alter_replica_log_dirs(there, topic, partition)))
        reader.take("ii"), reader.text()
        _count, _partition, error = reader.take("iih")
        expect(error == 0, f"{topic}-{partition} is moved: error {error}")
        self.answered += 1
        for _ in range(self.random.randrange(20)):  # most moves come to their end
            describe(peer)

    def settle(self, address):
        """Each log is in one folder."""
        peer = Peer(address)
        found, _folders = describe(peer)
        expect(all(len(here) == 1 for here in found.values()), f"each log is in one folder: {found}")
        peer.close()
