"""Kafka requests as bytes, for peers that do not behave and for one that does. The standard library alone."""
import random
import select
import socket
import struct
import time
import zlib

PRODUCE, FETCH, METADATA, OFFSET_COMMIT, OFFSET_FETCH, FIND_COORDINATOR, JOIN_GROUP, SYNC_GROUP = 0, 1, 3, 8, 9, 10, 11, 14
DESCRIBE_GROUPS, LIST_GROUPS, API_VERSIONS, CREATE_TOPICS, DELETE_TOPICS, DELETE_GROUPS = 15, 16, 18, 19, 20, 42
INIT_PRODUCER_ID, ADD_PARTITIONS_TO_TXN, END_TXN, DESCRIBE_TRANSACTIONS = 22, 24, 26, 65
NOWHERE = b"a topic that does not exist"
WAIT_S = 30  # a net, not a measure: an answer that takes longer does not come


def frame(body):
    return struct.pack(">i", len(body)) + body


def string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">h", len(data)) + data


def request(key, version, correlation_id, body):
    return frame(struct.pack(">hhi", key, version, correlation_id) + string("hostile") + body)


def array(items):
    items = list(items)
    return struct.pack(">i", len(items)) + b"".join(items)


def sized(data):
    return struct.pack(">i", len(data)) + data


def compact(size):
    """The length of a compact string or array."""
    out, value = b"", size + 1
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def flexible_request(key, version, correlation_id, body):
    """One whose header and body end in tagged fields, of which there are none; the body brings its own."""
    return frame(struct.pack(">hhi", key, version, correlation_id) + string("hostile") + b"\0" + body)


def only_topic(body, at):
    """Of an answer for one topic, whose name is at `at`: where its partitions begin, and their number."""
    at += 2 + struct.unpack_from(">h", body, at)[0]
    return at + 4, struct.unpack_from(">i", body, at)[0]


def api_versions(correlation_id=1):
    return request(API_VERSIONS, 0, correlation_id, b"")


def metadata_of_unknown(count, correlation_id=1):
    """A request whose answer is about as large as itself."""
    return request(METADATA, 4, correlation_id, struct.pack(">i", count) + string(NOWHERE) * count + b"\0")


def metadata(names, creates, correlation_id=1):
    body = array(string(name) for name in names) + (b"\1" if creates else b"\0")
    return request(METADATA, 4, correlation_id, body)


def create_topics(names, partitions, correlation_id=1):
    topics = b"".join(string(name) + struct.pack(">ihii", partitions, 1, 0, 0) for name in names)
    return request(CREATE_TOPICS, 2, correlation_id, struct.pack(">i", len(names)) + topics + struct.pack(">ib", 30000, 0))


def delete_topics(names, correlation_id=1):
    return request(DELETE_TOPICS, 1, correlation_id, array(string(name) for name in names) + struct.pack(">i", 30000))


def fetch(topic, partitions, max_wait_ms=0, correlation_id=1, offset=0):
    """From one offset of each partition, up to 64 KiB of it; one byte is enough."""
    body = struct.pack(">iiiib", -1, max_wait_ms, 1, 1 << 26, 0)
    body += struct.pack(">i", 1) + string(topic) + struct.pack(">i", len(partitions))
    body += b"".join(struct.pack(">iqi", partition, offset, 1 << 16) for partition in partitions)
    return request(FETCH, 4, correlation_id, body)


def fetch_session(topic, partitions, correlation_id=1):
    """A full fetch that opens a session."""
    body = struct.pack(">iiiibii", -1, 0, 0, 1 << 20, 0, 0, 0)
    body += array([string(topic) + array(struct.pack(">iiqqi", p, -1, 0, -1, 1 << 16) for p in partitions)]) + array([])
    return request(FETCH, 9, correlation_id, body)


# ---- groups ----------------------------------------------------------------------------------------------------------


GROUP, TRANSACTION = 0, 1


def find_coordinator(keys, key_type=GROUP, correlation_id=1):
    names = b"".join(compact(len(key)) + key.encode() for key in keys)
    return flexible_request(FIND_COORDINATOR, 4, correlation_id, bytes([key_type]) + compact(len(keys)) + names + b"\0")


def join_group(group, member="", instance=None, metadata=b"", version=5, timeout_ms=60_000, correlation_id=1):
    body = string(group) + struct.pack(">ii", 30_000, timeout_ms) + string(member)
    if version >= 5:
        body += struct.pack(">h", -1) if instance is None else string(instance)
    body += string("consumer") + array([string("range") + sized(metadata)])
    return request(JOIN_GROUP, version, correlation_id, body)


def joined(body, version=5):
    """Of an answer: error, generation, member id."""
    at = 4 if version >= 2 else 0
    error, generation = struct.unpack_from(">hi", body, at)
    at += 6
    texts = []
    for _ in range(3):  # protocol, leader, member
        (size,) = struct.unpack_from(">h", body, at)
        texts.append(body[at + 2:at + 2 + size].decode())
        at += 2 + size
    return error, generation, texts[2]


def sync_group(group, generation, member, assignments, correlation_id=1):
    """`assignments`: bytes by member."""
    body = string(group) + struct.pack(">i", generation) + string(member) + struct.pack(">h", -1)
    body += array(string(name) + sized(data) for name, data in assignments.items())
    return request(SYNC_GROUP, 3, correlation_id, body)


def offset_commit(group, topic, partitions, generation=-1, member="", metadata=b"", correlation_id=1):
    """`partitions`: pairs of partition and offset."""
    body = string(group) + struct.pack(">i", generation) + string(member) + struct.pack(">h", -1)
    body += array([string(topic) + array(struct.pack(">iqi", p, offset, -1) + string(metadata) for p, offset in partitions)])
    return request(OFFSET_COMMIT, 7, correlation_id, body)


def commit_errors(body):
    """Error codes of an answer for one topic, by partition."""
    at, count = only_topic(body, 8)
    return dict(struct.unpack_from(">ih", body, at + 6 * i) for i in range(count))


def offset_fetch(group, topic, partitions, correlation_id=1):
    body = string(group) + array([string(topic) + array(struct.pack(">i", p) for p in partitions)])
    return request(OFFSET_FETCH, 5, correlation_id, body)


def committed(body):
    """Offsets of an answer for one topic, by partition."""
    at, count = only_topic(body, 8)
    found = {}
    for _ in range(count):
        partition, offset, _, size = struct.unpack_from(">iqih", body, at)
        found[partition] = offset
        at += 18 + max(size, 0) + 2
    return found


def offset_fetch_all(groups, correlation_id=1):
    """All that each of the groups has committed."""
    each = b"".join(compact(len(group)) + group.encode() + b"\0\0" for group in groups)  # null topics, no tags
    return flexible_request(OFFSET_FETCH, 8, correlation_id, compact(len(groups)) + each + b"\0\0")


def describe_groups(groups, correlation_id=1):
    return request(DESCRIBE_GROUPS, 0, correlation_id, array(string(group) for group in groups))


def delete_groups(groups, correlation_id=1):
    return request(DELETE_GROUPS, 0, correlation_id, array(string(group) for group in groups))


def list_groups(correlation_id=1):
    return request(LIST_GROUPS, 0, correlation_id, b"")


# ---- transactions ----------------------------------------------------------------------------------------------------


def init_producer_id(transactional_id, timeout_ms=900_000, correlation_id=1):
    return request(INIT_PRODUCER_ID, 1, correlation_id, string(transactional_id) + struct.pack(">i", timeout_ms))


def given_producer(body):
    """Of an answer: error, producer id, epoch."""
    return struct.unpack_from(">hqh", body, 4)


def add_partitions_to_txn(transactional_id, producer, topic, partitions, correlation_id=1):
    """`producer`: id and epoch."""
    body = string(transactional_id) + struct.pack(">qh", *producer)
    body += array([string(topic) + array(struct.pack(">i", p) for p in partitions)])
    return request(ADD_PARTITIONS_TO_TXN, 1, correlation_id, body)


def added_errors(body):
    """Error codes of an answer for one topic, by partition."""
    at, count = only_topic(body, 8)
    return dict(struct.unpack_from(">ih", body, at + 6 * i) for i in range(count))


def end_txn(transactional_id, producer, committed, correlation_id=1):
    """The error code is at 4 of the answer."""
    body = string(transactional_id) + struct.pack(">qh?", *producer, committed)
    return request(END_TXN, 1, correlation_id, body)


def describe_transaction(transactional_id, correlation_id=1):
    data = transactional_id.encode()
    return flexible_request(DESCRIBE_TRANSACTIONS, 0, correlation_id, compact(1) + compact(len(data)) + data + b"\0")


def transaction_state(body):
    """Of an answer about one: error and the state's name. Header tags, throttle time, a count and the error come first."""
    (error,) = struct.unpack_from(">h", body, 6)
    at = 8 + 1 + body[8] - 1
    return error, body[at + 1:at + body[at]].decode()


def _crc32c_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


_TABLE = _crc32c_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = value << 1 ^ value >> 63
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


TRANSACTIONAL = 16


def _batch_of(records, attributes, ahead_s=0, producer=(-1, -1), sequence=-1):
    """A batch of one record; `records` as they stand behind the header."""
    now_ms = int((time.time() + ahead_s) * 1000)
    checked = struct.pack(">hiqqqhii", attributes, 0, now_ms, now_ms, *producer, sequence, 1) + records
    return struct.pack(">qiibI", 0, 9 + len(checked), -1, 2, crc32c(checked)) + checked


def _record(value):
    record = b"\0" + varint(0) + varint(0) + varint(-1) + varint(len(value)) + value + varint(0)
    return varint(len(record)) + record


def batch(value, ahead_s=0):
    """A record batch with one record, whose time is `ahead_s` seconds ahead of now."""
    return _batch_of(_record(value), 0, ahead_s)


def transactional_batch(value, producer, sequence):
    return _batch_of(_record(value), TRANSACTIONAL, 0, producer, sequence)


def bomb(mib):
    """A batch that gzip makes a thousand times smaller: one record, whose value is so many MiB of zeros."""
    size, zeros = mib << 20, bytes(1 << 20)
    head, tail = b"\0" + varint(0) + varint(0) + varint(-1) + varint(size), varint(0)
    head = varint(len(head) + size + len(tail)) + head
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    out = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    out += (deflate.compress(zeros) + deflate.flush(zlib.Z_FULL_FLUSH)) * mib  # each block stands for itself
    out += deflate.compress(tail) + deflate.flush()
    crc = zlib.crc32(head)
    for _ in range(mib):
        crc = zlib.crc32(zeros, crc)
    trailer = struct.pack("<II", zlib.crc32(tail, crc), len(head) + size + len(tail) & 0xFFFFFFFF)
    return _batch_of(b"\x1f\x8b\x08\0\0\0\0\0\0\0" + out + trailer, 1)


def produce(topic, partitions, records, correlation_id=1, transactional_id=None):
    """The same batch to each of the partitions."""
    body = struct.pack(">h", -1) if transactional_id is None else string(transactional_id)
    body += struct.pack(">hi", -1 if transactional_id else 1, 30000) + struct.pack(">i", 1) + string(topic) + struct.pack(">i", len(partitions))
    body += b"".join(struct.pack(">ii", partition, len(records)) + records for partition in partitions)
    return request(PRODUCE, 3, correlation_id, body)


class Closed(Exception):
    """The broker closed the connection."""


class Peer:
    """A connection. Nothing waits for longer than WAIT_S."""

    def __init__(self, address, source=None, receive_bytes=None):
        host, port = address.rsplit(":", 1)
        self.socket = socket.socket()
        self.socket.settimeout(WAIT_S)
        if receive_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            raise Closed from None

    def send_what_fits(self, data, patience_s=0):
        """Send until the broker takes nothing for `patience_s`. Returns the bytes it took."""
        self.socket.setblocking(False)
        sent = 0
        try:
            while sent < len(data) and select.select([], [self.socket], [], patience_s)[1]:
                sent += self.socket.send(data[sent:sent + (1 << 16)])
        except (BlockingIOError, BrokenPipeError, ConnectionResetError):
            pass
        self.socket.settimeout(WAIT_S)
        return sent

    def _receive(self, size):
        data = b""
        while len(data) < size:
            try:
                part = self.socket.recv(size - len(data))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Closed
            data += part
        return data

    def answer(self):
        """The next answer: (correlation id, body)."""
        data = self._receive(struct.unpack(">i", self._receive(4))[0])
        return struct.unpack_from(">i", data)[0], data[4:]

    def ask(self, data):
        self.send(data)
        return self.answer()[1]

    def is_closed(self, wait_s=WAIT_S):
        """Does the broker close it in time? What comes before is thrown away."""
        self.socket.settimeout(wait_s)
        try:
            while self.socket.recv(1 << 16):
                pass
            return True
        except ConnectionResetError:
            return True
        except socket.timeout:
            return False
        finally:
            self.socket.settimeout(WAIT_S)

    def vanish(self):
        """Close with a reset, as a machine that dies."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self):
        self.socket.close()


def create(address, names, partitions):
    peer = Peer(address)
    body = peer.ask(create_topics(names, partitions))
    at, errors = 8, []  # behind throttle time and the count
    for _ in names:
        at += 2 + struct.unpack_from(">h", body, at)[0]
        errors.append(struct.unpack_from(">hh", body, at))
        at += 4 + max(errors[-1][1], 0)
    peer.close()
    if any(error for error, _ in errors):
        raise RuntimeError(f"topics were not created: {errors}")


def produce_errors(body):
    """Error codes of an answer of produce(), by partition."""
    at, count = only_topic(body, 4)
    return dict(struct.unpack_from(">ih", body, at + 22 * i) for i in range(count))


def fetched(body):
    """Record bytes of an answer of fetch(), by partition; an error code instead of them when there is one."""
    at, count = only_topic(body, 8)
    found = {}
    for _ in range(count):
        partition, error, _, _, aborted = struct.unpack_from(">ihqqi", body, at)
        at += 26 + 16 * max(aborted, 0)
        (size,) = struct.unpack_from(">i", body, at)
        found[partition] = error if error else body[at + 4:at + 4 + max(size, 0)]
        at += 4 + max(size, 0)
    return found


def end_offset(records):
    """The offset behind the last batch of what was fetched; 0 when there is none."""
    at = end = 0
    while at < len(records):
        base_offset, size = struct.unpack_from(">qi", records, at)
        end = base_offset + struct.unpack_from(">i", records, at + 23)[0] + 1
        at += 12 + size
    return end


def garbage(seed, size):
    return random.Random(seed).randbytes(size)
