"""Checks: peers that do not behave, while one that does is always answered. Each takes an Arena."""
import random
import select
import signal
import socket
import struct
import threading
import time

from process import MIB, Process
from wire import (Closed, Peer, api_versions, batch, bomb, commit_errors, committed, create_topics, delete_topics, fetch,
                  fetched, find_coordinator, frame, garbage, join_group, joined, list_groups, metadata_of_unknown, offset_commit,
                  offset_fetch, produce, produce_errors, request, sync_group)

# The budgets of broker/limits.h, and what is beside them: the program, the allocator's waste.
INPUT_BYTES, REQUESTS_BYTES, ARENA_BYTES, BESIDE_BYTES = 256 * MIB, 384 * MIB, 128 * MIB, 96 * MIB
RELEASES_BYTES = 256 * MIB  # that are on their way back to the system
REQUEST_MAX_BYTES = 100 * MIB
# 5 lines a second from one place of the code, of which a peer reaches fewer than 10.
LOG_LINES_PER_SECOND = 50
SECONDS = 20  # nets for what should take milliseconds


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def until(condition, what):
    deadline = time.monotonic() + SECONDS
    while not condition():
        expect(time.monotonic() < deadline, f"not in {SECONDS} s: {what}")
        time.sleep(0.01)


class GoodClient:
    """Produces 150 KB, more than one read of the broker takes, and fetches it; again and again until stop()."""

    RECORDS = batch(bytes(150_000))

    def __init__(self, address):
        self.peer = Peer(address)
        self.answered, self.failure, self.stopping = 0, None, False
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self):
        try:
            while not self.stopping:
                errors = produce_errors(self.peer.ask(produce("good", [0], self.RECORDS)))
                records = fetched(self.peer.ask(fetch("good", [0])))
                expect(errors == {0: 0} and records[0], f"produce answered {errors}, fetch {records}")
                self.answered += 1
                time.sleep(0.02)
        except BaseException as failure:
            self.failure = failure or type(failure).__name__

    def stop(self):
        """It must have been answered at least once from now on, and always before."""
        seen = self.answered
        until(lambda: self.failure or self.answered > seen, "the well-behaved client is answered")
        self.stopping = True
        self.thread.join()
        self.peer.close()
        expect(self.failure is None, f"the well-behaved client failed: {self.failure!r}")


class Arena:
    """A running broker and what is watched of it."""

    def __init__(self, dohle, descriptors):
        self.dohle, self.address, self.descriptors = dohle, dohle.address(), descriptors
        self.process = Process(dohle.pid())
        self.peers = []

    def peer(self, **options):
        self.peers.append(Peer(self.address, **options))
        return self.peers[-1]

    def many(self, count, **options):
        return [self.peer(**options) for _ in range(count)]

    def log_lines(self):
        return (self.dohle.folder / "dohle.log").read_bytes().count(b"\n")

    def clear(self):
        for peer in self.peers:
            peer.close()
        self.peers = []

    def have_read(self):
        """Have the broker read what was sent: it rests but for the well-behaved client, whom nobody keeps waiting."""
        other = self.peer()

        def rests():
            began, used = time.monotonic(), self.process.cpu_s()
            for _ in range(50):
                other.ask(api_versions())
            time.sleep(0.2)
            return used is None or self.process.cpu_s() - used < (time.monotonic() - began) / 3

        until(rests, "the broker has read what was sent")

    def expect_peak_below(self, size):
        peak = self.process.peak()
        expect(peak is None or peak < size, f"memory grew to {peak}, more than {size}")

    def check(self, check):
        """Run one check beside the well-behaved client; then everything is given back."""
        before, lines, began = self.process.sockets(), self.log_lines(), time.monotonic()
        self.process.reset_peak()
        good = GoodClient(self.address)
        try:
            check(self)
            good.stop()
        finally:
            good.stopping = True
            self.clear()
        if before is not None:
            until(lambda: self.process.sockets() <= before, "the connections are closed")
        grown, seconds = self.log_lines() - lines, time.monotonic() - began
        expect(grown <= LOG_LINES_PER_SECOND * (seconds + 2), f"{grown} log lines in {seconds:.1f} s")


# ---- beside the well-behaved client ----------------------------------------------------------------------------------


def byte_by_byte(arena):
    """Requests that come a byte at a time are answered."""
    peers = arena.many(50)
    for byte in api_versions():
        for peer in peers:
            peer.send(bytes([byte]))
    for peer in peers:
        expect(peer.answer()[0] == 1, "an answer")


def bombs(arena):
    """Batches of less than a megabyte that decompress to 900: others are answered before the first of them."""
    records = bomb(900)
    peers = arena.many(3)
    for peer in peers:
        peer.send(produce("good", [0], records))
    other = arena.peer()
    for _ in range(20):
        other.ask(produce("good", [0], batch(b"small")))
    done, _, _ = select.select([peer.socket for peer in peers], [], [], 0)
    expect(not done, "a bomb was answered before what came behind it")
    for peer in peers:
        expect(produce_errors(peer.answer()[1]) == {0: 0}, "it is a batch like others")
    arena.expect_peak_below(BESIDE_BYTES)


def announced_and_not_sent(arena):
    """An announced length takes no memory."""
    before = arena.process.memory()
    for peer in arena.many(500):
        peer.send(struct.pack(">i", REQUEST_MAX_BYTES))
    arena.peer().ask(api_versions())
    expect(before is None or arena.process.memory() < before + 32 * MIB, "memory on the word of a length")


def announced_and_stalled(arena):
    """Frames of 100 MiB that stall after the first one: those that stall longest go, within the budget."""
    part = struct.pack(">i", REQUEST_MAX_BYTES) + bytes(MIB)
    peers = arena.many(400)
    for peer in peers:
        try:
            peer.send(part)
        except Closed:
            pass
    until(lambda: peers[0].is_closed(0.1), "who stalls longest is dropped")
    arena.have_read()
    newest = arena.peer()
    newest.send(part)
    arena.have_read()
    expect(not newest.is_closed(0.1), "who stalls shortest is not dropped")
    arena.expect_peak_below(INPUT_BYTES + BESIDE_BYTES)


def unfinished_large_frames(arena):
    """Frames that end just before their end: two of them fit the budget, and the others' bytes are not kept."""
    part = bytes(95 * MIB)
    for peer in arena.many(6):
        try:
            peer.send(struct.pack(">i", REQUEST_MAX_BYTES) + part)
        except Closed:
            pass
    arena.expect_peak_below(INPUT_BYTES + RELEASES_BYTES + BESIDE_BYTES)


def never_reading(arena):
    """Peers that ask for megabytes and take nothing: they are not read any more, and go above the budget."""
    asked = metadata_of_unknown(20_000)
    wanted = asked * 8
    taken = sum(peer.send_what_fits(wanted) for peer in arena.many(150, receive_bytes=4096))
    arena.peer().ask(api_versions())
    expect(taken < 150 * len(wanted), "their requests are not all taken")
    arena.expect_peak_below(REQUESTS_BYTES + ARENA_BYTES + INPUT_BYTES + RELEASES_BYTES + BESIDE_BYTES)


def vanishing_while_parked(arena):
    """Fetches that wait for ten minutes are forgotten when their peers vanish."""
    peers = arena.many(300)
    for peer in peers:
        peer.send(fetch("empty", [0], max_wait_ms=600_000))
    arena.peer().ask(api_versions())
    for peer in peers:
        peer.vanish()


def parked_and_pipelining(arena):
    """What is sent behind a request that waits is not taken without bound. As it is not read, nor is the end of the
    connection: that is noticed when the request has waited."""
    part = bytes(32 * MIB)
    for peer in arena.many(8):
        peer.send(fetch("empty", [0], max_wait_ms=4000) + struct.pack(">i", REQUEST_MAX_BYTES))
        expect(peer.send_what_fits(part, patience_s=0.2) < len(part), "the rest is not taken")
    arena.expect_peak_below(BESIDE_BYTES)


def not_kafka(arena):
    """Garbage, other protocols, and impossible lengths close the connection, with few lines."""
    others = [b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", bytes.fromhex("16030100a5010000a10303"), struct.pack(">i", -1),
              struct.pack(">i", -(1 << 31)), struct.pack(">i", REQUEST_MAX_BYTES + 1), frame(b""), frame(b"\xff" * 64)]
    for data in others * 50:
        peer = arena.peer()
        peer.send(data)
        # eleven bytes of a TLS greeting announce 369 MB
        expect(peer.is_closed(), f"{data[:16]} closes")
    for seed in range(200):
        arena.peer().send_what_fits(b"\x7f" + garbage(seed, 1 << 16))
        arena.peer().send_what_fits(frame(garbage(seed, 1 << 12)))


def noise(arena):
    """Whole frames of any API and version with random bodies: each is answered or ends its connection."""
    chance = random.Random(4)
    for _ in range(2000):
        peer = arena.peer()
        peer.send(request(chance.randrange(-1, 96), chance.randrange(-1, 20), 1, chance.randbytes(chance.randrange(200))))
        peer.socket.shutdown(socket.SHUT_WR)
        expect(peer.is_closed(), "it ends")
        peer.close()


def pipelined(arena):
    """Thousands of requests in one go are answered in order."""
    count = 5000
    peer = arena.peer()
    sender = threading.Thread(target=peer.send, args=(b"".join(api_versions(i) for i in range(count)),))
    sender.start()
    for i in range(count):
        expect(peer.answer()[0] == i, "answers in order")
    sender.join()


def churn(arena):
    """Connections that come and go, in the middle of everything."""
    data, chance = api_versions(), random.Random(1)
    for i in range(2000):
        peer = Peer(arena.address)
        peer.send(data[:chance.randrange(len(data) + 1)])
        if i % 2:
            peer.vanish()
        else:
            peer.close()


BESIDE = [byte_by_byte, bombs, announced_and_not_sent, announced_and_stalled, unfinished_large_frames, never_reading,
          vanishing_while_parked, parked_and_pipelining, not_kafka, noise, pipelined, churn]

# ---- alone -----------------------------------------------------------------------------------------------------------


def idle_connections(arena):
    """10,000 connections, or as many as descriptors allow, cost some memory and no time."""
    count = min(10_000, arena.descriptors - 200, (arena.descriptors - 64) * 3 // 4 - 50)
    before = arena.process.memory()
    for peer in arena.many(count):
        peer.send(api_versions())
    for peer in arena.peers:
        peer.answer()
    arena.process.reset_peak()
    cpu = arena.process.cpu_s()
    time.sleep(2)
    if cpu is None:
        return f"{count} connections"
    used, grown = arena.process.cpu_s() - cpu, arena.process.memory() - before
    expect(used < 0.5, f"{used} s of CPU in 2 s of nothing")
    expect(grown < count * 2048, f"{grown} bytes for {count} connections")
    cpu = arena.process.cpu_s()
    for _ in range(1000):
        peer = Peer(arena.address)
        peer.ask(api_versions())
        peer.close()
    beside = arena.process.cpu_s() - cpu
    expect(beside < 1, f"{beside} s of CPU for 1,000 connections and requests beside idle ones")
    return f"{count} connections, {grown // count} bytes each, {used:.2f} s of CPU in 2 s"


def stop_with_peers(arena):
    """SIGTERM: who waits is answered, who takes nothing is left, the exit is clean and soon."""
    parked = arena.many(50)
    for peer in parked:
        peer.send(fetch("empty", [0], max_wait_ms=600_000))
    for peer in arena.many(30, receive_bytes=4096):
        peer.send_what_fits(metadata_of_unknown(20_000) * 4)
    for peer in arena.many(20):
        peer.send(struct.pack(">i", REQUEST_MAX_BYTES) + bytes(1000))
    arena.peer().ask(api_versions())
    arena.dohle.stop(wait_s=SECONDS)
    for peer in parked:
        expect(peer.answer()[0] == 1, "who waited is answered")


def stop_takes_no_answer_back(arena):
    """Behind the last answer comes an orderly end, also with requests left unread: a reset could take answers with it, and
    a producer would repeat what was appended."""
    peer = arena.peer()
    peer.send(fetch("empty", [0], max_wait_ms=600_000))
    peer.send_what_fits(api_versions() * 1_000_000)
    arena.peer().ask(api_versions())
    arena.dohle.stop(wait_s=SECONDS)
    expect(peer.answer()[0] == 1, "who waited is answered")
    expect(peer.socket.recv(1) == b"", "then comes the end, which a reset is not")


def second_signal(arena):
    """A second SIGTERM ends the broker although peers keep it waiting."""
    for peer in arena.many(10, receive_bytes=4096):
        peer.send_what_fits(metadata_of_unknown(20_000) * 4)
    arena.peer().ask(api_versions())
    process = arena.dohle.process
    process.send_signal(signal.SIGTERM)
    until(lambda: b"Stopping" in (arena.dohle.folder / "dohle.log").read_bytes(), "it begins to stop")
    process.send_signal(signal.SIGTERM)
    status = process.wait(SECONDS)
    arena.dohle.kill()
    expect(status == 128 + signal.SIGTERM, f"status {status}")


GROUP_MAX_SIZE_REACHED, UNKNOWN_SERVER_ERROR, POLICY_VIOLATION = 81, -1, 44


def groups_bounded(arena):
    """What a member, an assignment or a commit may hold: more is answered with an error, and takes nothing."""
    peer = arena.peer()
    peer.ask(find_coordinator(["fat"]))
    before = arena.process.memory()
    fat = bytes(40 * MIB)
    error, _, _ = joined(peer.ask(join_group("fat", version=1, metadata=fat)), 1)
    expect(error == GROUP_MAX_SIZE_REACHED, f"a member of 40 MiB: {error}")
    expect(b"fat" not in peer.ask(list_groups()), "no group is made for it")
    error, generation, member = joined(peer.ask(join_group("fat", version=2)), 2)
    expect(error == 0, f"an ordinary one: {error}")
    error, = struct.unpack_from(">h", peer.ask(sync_group("fat", generation, member, {member: fat})), 4)
    expect(error == UNKNOWN_SERVER_ERROR, f"an assignment of 40 MiB: {error}")
    commits = [(0, offset) for offset in range(5000)]
    errors = commit_errors(peer.ask(offset_commit("fatter", "good", commits, metadata=bytes(4096))))
    expect(errors == {0: UNKNOWN_SERVER_ERROR}, f"a commit of 20 MiB: {errors}")
    expect(committed(peer.ask(offset_fetch("fatter", "good", [0]))) == {0: -1}, "nothing of it is committed")
    expect(before is None or arena.process.memory() < before + 16 * MIB, "what was refused is kept")
    arena.expect_peak_below(3 * len(fat) + BESIDE_BYTES)


def partitions_bounded(arena):
    """PARTITIONS_MAX of broker/limits.h: above it no topic is made, and a removed one makes room."""
    def made(name):
        body = arena.peers[0].ask(create_topics([name], 9_990))
        return struct.unpack_from(">h", body, 8 + 2 + len(name))[0]
    arena.peer()
    for number in range(10):
        expect(made(f"topic{number}") == 0, "there is room")
    expect(made("topic10") == POLICY_VIOLATION, "more than 100000 are refused")
    for _ in range(3):
        arena.peers[0].ask(delete_topics(["topic8"]))
        until(lambda: made("topic8") == 0, "there is room again")
    expect(made("topic10") == POLICY_VIOLATION, "and it was counted")


ALONE = [groups_bounded, partitions_bounded, idle_connections, stop_with_peers, stop_takes_no_answer_back, second_signal]


def connections_bounded(start):
    """max.connections and max.connections.per.ip: who is too many is closed at once, and others are served."""
    dohle = start(["max.connections=20", "max.connections.per.ip=15"])
    try:
        kept = [Peer(dohle.address()) for _ in range(15)]
        for peer in kept:
            peer.ask(api_versions())
        expect(Peer(dohle.address()).is_closed(), "the 16th of an address is closed")
        others = [Peer(dohle.address(), source="127.0.0.2") for _ in range(5)]
        for peer in others:
            peer.ask(api_versions())
        expect(Peer(dohle.address(), source="127.0.0.3").is_closed(), "the 21st is closed")
        others[0].close()

        def served():
            try:
                return Peer(dohle.address(), source="127.0.0.3").ask(api_versions())
            except Closed:
                return False
        until(served, "there is room again")
    finally:
        dohle.stop()
