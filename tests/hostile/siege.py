"""All that peers do wrong, at once, while clients that do right work on: their work must be complete and right, and the broker
stay within docs/limits.md.

    clients     produce and read, commit as members of a group, and kcat where there is one: each a process
    besiegers   processes, each of which does its attacks in turn; what an attack leaves open stays until its next round

The siege lasts until every client has done its work and every besieger some rounds. How long the clients waited is told and not
judged: the machine may be busy with other things. It is told three times: alone, beside a siege of another broker on the same
machine, and besieged; what the broker is to blame for is the step from the second to the third. Besiegers give way to everybody
else on the CPUs, as if they were other machines. `first` goes further: the broker's loop and those that do right, but kcat, have
real-time priority, so that what they wait for is the broker alone. It takes privileges.
"""
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import struct
import subprocess
import threading
import time
from pathlib import Path

from process import MIB, Process
from wire import (API_VERSIONS, METADATA, Closed, Peer, api_versions, batch, bomb, commit_errors, committed, create,
                  create_topics, delete_groups, delete_topics, describe_groups, end_offset, fetch, fetch_session, fetched,
                  find_coordinator, frame, garbage, join_group, joined, list_groups, metadata, metadata_of_unknown,
                  offset_commit, offset_fetch, offset_fetch_all, produce, produce_errors, request, sync_group)

LIMITS = Path(__file__).resolve().parents[2] / "docs" / "limits.md"
NET_S = 600  # a net: what takes longer hangs
REQUEST_MAX_BYTES = 100 * MIB
NAMES = 1_000_000
KCAT_RECORDS, KCAT_READS_BYTES = 600, 1024  # one in 5 ms; kcat takes so much of its input at a time
PHASES = ["alone", "beside", "besieged"]
PAUSE_S = 1  # between rounds of a besieger: else what is measured is who gets the CPU


class Scale:
    """How much: the full check, or the quick one."""

    def __init__(self, quick, descriptors):
        self.idle = min(500 if quick else 10_000, (descriptors - 64) * 3 // 4 - 4_000)
        self.operations = 150 if quick else 300
        self.rounds = 1 if quick else 2
        self.divisor = 10 if quick else 3

    def of(self, count):
        return max(count // self.divisor, 1)


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def ceiling():
    """The bytes that docs/limits.md states, without what the settings of topics and records on the disk decide."""
    return int(re.search(r"^\*\*Sum: (\d+) MiB\*\*", LIMITS.read_text(), re.MULTILINE).group(1)) * MIB


# ---- those that do right ---------------------------------------------------------------------------------------------


class Timed:
    """A connection that notes how long each answer took."""

    def __init__(self, address):
        self.peer, self.waits = Peer(address), []
        self.peer.socket.settimeout(NET_S)

    def ask(self, data):
        began = time.monotonic()
        body = self.peer.ask(data)
        self.waits.append(time.monotonic() - began)
        return body


def producing(address, client, operations, first):
    """Each batch is there, once, in order, and as it was: this client alone writes to its partition."""
    timed = Timed(address)
    for offset in range(first, first + operations):
        value = random.Random(offset).randbytes(2000)
        expect(produce_errors(timed.ask(produce("good", [client], batch(value)))) == {client: 0}, "it is appended")
        records = fetched(timed.ask(fetch("good", [client], offset=offset, max_wait_ms=500)))[client]
        expect(not isinstance(records, int) and value in records and end_offset(records) == offset + 1, f"record {offset}")
    return timed.waits


def committing(address, client, operations, first):
    """A member of a group keeps its generation, and what it commits is there."""
    timed, group = Timed(address), f"good-{client}-{first}"
    error, generation, member = joined(timed.ask(join_group(group, version=2)), 2)
    expect(error == 0, f"joined: {error}")
    timed.ask(sync_group(group, generation, member, {member: b"all"}))
    for offset in range(first, first + operations):
        errors = commit_errors(timed.ask(offset_commit(group, "good", [(client, offset)], generation, member)))
        expect(errors == {client: 0}, f"committed: {errors}")
        found = committed(timed.ask(offset_fetch(group, "good", [client])))
        expect(found == {client: offset}, f"{found} instead of {offset}")
    return timed.waits


def come_first(thread):
    os.sched_setscheduler(thread, os.SCHED_FIFO, os.sched_param(1))


CLIENTS = [(producing, 0), (producing, 1), (committing, 2), (committing, 3)]


class Clients:
    """All of them, begun."""

    def __init__(self, address, operations, begin, first):
        self.first = first
        self.answers = multiprocessing.Queue()
        self.processes = [multiprocessing.Process(target=self._run, args=(address, *client, operations, begin), daemon=True)
                          for client in CLIENTS]
        for process in self.processes:
            process.start()

    def _run(self, address, work, client, operations, begin):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        if self.first:
            come_first(0)
        try:
            self.answers.put((None, work(address, client, operations, begin)))
        except BaseException as failure:
            self.answers.put((f"{work.__name__} {client}: {failure!r}", []))

    def waits(self):
        """When all are done: how long each answer took, in ms."""
        answers = [self.answers.get(timeout=NET_S) for _ in self.processes]
        for process in self.processes:
            process.join()
        failures = [failure for failure, _ in answers if failure]
        expect(not failures, f"clients that do right failed: {failures}")
        return sorted(wait * 1000 for _, waits in answers for wait in waits)


class Load:
    """The clients, again and again: they go on where they were, and kcat always has them beside it."""

    def __init__(self, address, operations, first):
        self.address, self.operations, self.first, self.done = address, operations, first, 0

    def waits(self, until):
        """Once at least: how long each answer took, in ms."""
        waits = []
        while not waits or not until():
            waits += Clients(self.address, self.operations, self.done, self.first).waits()
            self.done += self.operations
        return sorted(waits)


class Kcat:
    """librdkafka with its own settings: what is produced record by record is read by a member of a group, all of it and in order."""

    def __init__(self, address, topic, records):
        common = ["kcat", "-b", address, "-X", "socket.timeout.ms=300000"]
        self.wanted = [f"record {number}".ljust(KCAT_READS_BYTES - 1) for number in range(records)]  # each at once
        self.written, self.read = [], []
        self.consumer = subprocess.Popen([*common, "-G", f"good-{topic}", "-X", "session.timeout.ms=300000", "-X", "auto.offset.reset=earliest", "-c",
                                          str(records), "-q", "-u", topic], stdout=subprocess.PIPE, text=True)
        self.producer = subprocess.Popen([*common, "-P", "-t", topic, "-X", "linger.ms=5"], stdin=subprocess.PIPE, text=True)
        self.threads = [threading.Thread(target=work) for work in (self._write, self._read)]
        for thread in self.threads:
            thread.start()

    def _write(self):
        for line in self.wanted:
            self.written.append(time.monotonic())
            self.producer.stdin.write(line + "\n")
            self.producer.stdin.flush()
            time.sleep(0.005)
        self.producer.stdin.close()

    def _read(self):
        for line in self.consumer.stdout:
            self.read.append((time.monotonic(), line.rstrip("\n")))

    def has_written(self):
        return not self.threads[0].is_alive()

    def waits(self):
        """When all is read: how long each record was on its way, in ms, but those that were written before it could be read."""
        for thread in self.threads:
            thread.join(NET_S)
        expect(self.producer.wait(NET_S) == 0, "kcat produced")
        lines = [line for _, line in self.read]
        expect(lines == self.wanted, f"kcat read {len(lines)} records, {lines[:3]} to {lines[-3:]}")
        first = self.read[0][0]
        return sorted((read - written) * 1000 for written, (read, _) in zip(self.written, self.read) if written > first)

    def kill(self):
        for process in (self.producer, self.consumer):
            process.kill()
            process.wait()


# ---- besiegers -------------------------------------------------------------------------------------------------------


def names(count, kind):
    return [f"{kind}{number * 7919 % 1_000_003:07d}" for number in range(count)]


def sent(peer, data):
    """Send what the broker takes; it may close instead."""
    try:
        peer.send(data)
    except (Closed, OSError):
        pass
    return peer


def asked(peer, data):
    try:
        peer.ask(data)
    except (Closed, OSError):
        pass
    return peer


class Besieger:
    """What the attacks share. Each is a function that takes this and the round, and returns the peers that it leaves."""

    def __init__(self, address, scale, seed):
        self.address, self.scale, self.chance = address, scale, random.Random(seed)

    def peer(self, **options):
        return Peer(self.address, **options)

    def many(self, count, **options):
        return [self.peer(**options) for _ in range(self.scale.of(count))]


def slow(siege, _):
    peers = siege.many(50)
    for byte in api_versions():
        for peer in peers:
            sent(peer, bytes([byte]))
    return peers


def stalled(siege, _):
    return [sent(peer, struct.pack(">i", REQUEST_MAX_BYTES) + bytes(MIB)) for peer in siege.many(300)]


def unfinished(siege, _):
    return [sent(peer, struct.pack(">i", REQUEST_MAX_BYTES) + bytes(95 * MIB)) for peer in siege.many(5)]


def lying(siege, _):
    lengths = [REQUEST_MAX_BYTES, REQUEST_MAX_BYTES + 1, -1, -(1 << 31), (1 << 31) - 1]
    return [sent(peer, struct.pack(">i", length)) for peer, length in zip(siege.many(500), itertools.cycle(lengths))]


def deaf(siege, _):
    data = metadata_of_unknown(20_000) * 4
    peers = siege.many(150, receive_bytes=4096)
    for peer in peers:
        peer.send_what_fits(data)
    return peers


def vanishing(siege, number):
    for peer in siege.many(300):
        sent(peer, fetch("empty", [0], max_wait_ms=600_000))
        sent(peer, join_group(f"vanishing-{number % 3}", version=1))
        peer.vanish()
    return []


def parked(siege, _):
    return [sent(peer, fetch("empty", range(100), max_wait_ms=600_000) + struct.pack(">i", REQUEST_MAX_BYTES) + bytes(MIB // 2))
            for peer in siege.many(100)]


def noisy(siege, _):
    peers = siege.many(1000)
    for peer in peers:
        body = siege.chance.randbytes(siege.chance.randrange(200))
        sent(peer, request(siege.chance.randrange(-1, 96), siege.chance.randrange(-1, 20), 1, body))
    return peers


def halves(siege, _):
    data = api_versions()
    for peer in siege.many(1000):
        sent(peer, data[:siege.chance.randrange(len(data) + 1)])
        peer.vanish()
    return []


def trash(siege, number):
    peers = siege.many(200)
    for seed, peer in enumerate(peers):
        peer.send_what_fits(b"\x7f" + garbage(seed + number, 1 << 16) if seed % 2 else frame(garbage(seed + number, 1 << 12)))
    return peers


def bombs(siege, _):
    records = bomb(siege.scale.of(900))
    return [sent(peer, produce("victim", [0], records)) for peer in siege.many(4)]


def silent_members(siege, number):
    """Members that join and are not heard of any more, each on a connection of its own, and ids that nobody comes for."""
    peers = [sent(peer, join_group(f"silent-{number % 5}", version=1, metadata=bytes(100))) for peer in siege.many(1000)]
    ids = join_group("ids", metadata=bytes(100)) * 50
    for _ in range(siege.scale.of(200)):
        peer = sent(siege.peer(), ids)
        for _ in range(50):
            peer.answer()
        peer.vanish()
    return peers


def fat_members(siege, number):
    """Members with megabytes, and with very many topics of no name."""
    fat = bytes(siege.scale.of(90) * MIB)
    topics = siege.scale.of(5_000_000)
    subscription = struct.pack(">hi", 0, topics) + b"\0\0" * topics + struct.pack(">i", 0)
    peers = [sent(siege.peer(), join_group(f"fat-{number}", version=1, metadata=data)) for data in (fat, subscription)]
    for part in range(siege.scale.of(100)):
        peers.append(sent(siege.peer(), join_group(f"fat-{number}-{part}", version=1, metadata=bytes(MIB * 2))))
    leader = siege.peer()
    _, generation, member = joined(leader.ask(join_group(f"leader-{number}", version=2)), 2)
    return [*peers, sent(leader, sync_group(f"leader-{number}", generation, member, {member: fat}))]


def many_groups(siege, number):
    for part in range(siege.scale.of(200)):
        peer = sent(siege.peer(), b"".join(join_group(f"group-{number}-{part}-{i}") for i in range(50)))
        for _ in range(50):
            peer.answer()
        peer.vanish()
    return [sent(siege.peer(), list_groups()) for _ in range(3)]


def fat_commits(siege, number):
    commits = [(0, offset) for offset in range(siege.scale.of(20_000))]
    small = [(0, 1)] * siege.scale.of(NAMES)
    asked(siege.peer(), offset_commit(f"fat-{number}", "victim", commits[:200], metadata=bytes(4096)))
    return [sent(siege.peer(), data) for data in (offset_commit(f"fat-{number}", "victim", commits, metadata=bytes(4096)),
                                                  offset_commit(f"fat-{number}", "victim", small),
                                                  offset_commit(f"fat-{number}", "victim", commits, metadata=bytes(30_000)[:30_000]))]


def million_names(siege, _):
    count = siege.scale.of(NAMES)
    return [asked(siege.peer(), data) for data in (metadata(names(count, "m"), False), metadata(names(count // 10, "m"), False),
                                                   metadata(["m"] * count, False), find_coordinator(names(count // 5, "m")),
                                                   describe_groups(names(count // 5, "m")), delete_groups(names(count // 5, "m")),
                                                   offset_fetch_all(names(count // 20, "m")),
                                                   offset_fetch_all(["good-2-0"] * (count // 20)))]


def created_by_asking(siege, number):
    """Topics that are made because they are asked for, until there are as many as there may be."""
    asked(siege.peer(), metadata(names(siege.scale.of(40_000), f"asked-{number}-"), True))
    return [sent(siege.peer(receive_bytes=4096), request(METADATA, 1, 1, struct.pack(">i", -1))) for _ in range(10)]


def created_and_deleted(siege, number):
    peer = siege.peer()
    for part in range(siege.scale.of(10)):
        asked(peer, create_topics([f"ten-{number}-{part}"], 9_999))  # as many as a request may make
        asked(peer, delete_topics([f"ten-{number}-{part}"]))
    return [peer]


def abandoned_sessions(siege, _):
    data = fetch_session("many", range(1000))
    return [sent(peer, data * 3) for peer in siege.many(500)]


def thousand_partitions(siege, number):
    records = batch(b"x" * 1000)
    return [sent(siege.peer(), produce("many", range(1000), records)) for _ in range(siege.scale.of(10))]


def unread_records(siege, _):
    return [sent(peer, fetch("many", range(1000)) * 20) for peer in siege.many(50, receive_bytes=4096)]


BESIEGERS = [
    [slow, lying, vanishing, noisy, halves, trash, abandoned_sessions],
    [stalled, unfinished, bombs, parked, silent_members, many_groups],
    [deaf, fat_members, fat_commits, unread_records, thousand_partitions],
    [million_names, created_by_asking, created_and_deleted],
]


class Siege:
    """All besiegers, begun, and the idle ones. `attacks`: names of those to have, when not all."""

    def __init__(self, address, scale, only=""):
        self.lifted = multiprocessing.Event()
        self.rounds = []
        self.processes = []
        self.failures = multiprocessing.Queue()
        self.idle = [Peer(address) for _ in range(scale.idle)]
        for number, attacks in enumerate(BESIEGERS):
            attacks = [attack for attack in attacks if only in attack.__name__]
            if not attacks:
                continue
            self.rounds.append(multiprocessing.Value("i", 0))
            self.processes.append(multiprocessing.Process(target=self._run, args=(
                Besieger(address, scale, number), attacks, self.rounds[-1]), daemon=True))
        for process in self.processes:
            process.start()

    def _run(self, besieger, attacks, rounds):
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.nice(19)
        for peer in self.idle:
            peer.close()  # our copy of it
        left = {}
        for number in itertools.count():
            for attack in attacks:
                if self.lifted.is_set():
                    return
                try:
                    peers = attack(besieger, number)
                except (Closed, OSError):  # a peer that the broker drops
                    peers = []
                except Exception as failure:
                    self.failures.put(f"{attack.__name__}: {failure!r}")
                    peers = []
                for peer in left.get(attack, []):
                    peer.vanish()
                left[attack] = peers
            with rounds.get_lock():
                rounds.value += 1
            self.lifted.wait(PAUSE_S)

    def done(self, rounds):
        return all(done.value >= rounds for done in self.rounds)

    def kill(self):
        self.lifted.set()
        for process in self.processes:
            process.kill()

    def lift(self):
        self.lifted.set()
        for process in self.processes:
            process.join(60)
            if process.is_alive():
                process.kill()
                process.join()
        for peer in self.idle:
            peer.close()
        expect(self.failures.empty(), f"a besieger failed: {self.failures.get() if not self.failures.empty() else ''}")


# ---- the check -------------------------------------------------------------------------------------------------------


def quantile(waits, part):
    return waits[min(int(len(waits) * part), len(waits) - 1)]


def tell(waits):
    if not waits:
        return "not told"
    return f"p50 {quantile(waits, 0.5):.1f} p99 {quantile(waits, 0.99):.1f} max {waits[-1]:.0f} ms"


def settles(condition, what):
    deadline = time.monotonic() + 60
    while not condition():
        expect(time.monotonic() < deadline, f"not in a minute: {what}")
        time.sleep(0.1)


def prepared(start):
    """A broker with the topics of clients and besiegers."""
    dohle = start()
    try:
        address = dohle.address()
        create(address, ["good", "victim"], 4)
        create(address, ["empty", *(f"kcat-{phase}" for phase in PHASES)], 1)
        create(address, ["many"], 1000)
        Peer(address).ask(find_coordinator(["good-0"]))
        return dohle
    except BaseException:
        dohle.kill()
        raise


def measured(load, phase, until=lambda: True):
    """How long the clients waited, and the records from kcat to kcat."""
    kcat = Kcat(load.address, f"kcat-{phase}", KCAT_RECORDS) if shutil.which("kcat") else None
    try:
        waits = load.waits(until=lambda: until() and (kcat is None or kcat.has_written()))
        return waits, kcat.waits() if kcat else []
    finally:
        if kcat:
            kcat.kill()


def beside(start, load, scale, only):
    """What the siege takes from the clients because it uses the same machine: it is on another broker."""
    dohle = prepared(start)
    siege = Siege(dohle.address(), scale, only)
    try:
        waits = measured(load, "beside", until=lambda: siege.done(scale.rounds))
        siege.lift()
        return waits
    finally:
        siege.kill()
        dohle.kill()


def check(start, quick, descriptors, only, first):
    scale = Scale(quick, descriptors)
    dohle = prepared(start)
    siege = None
    try:
        process = Process(dohle.pid())
        if first:
            come_first(dohle.pid())  # the thread of that id, which is the loop
        load = Load(dohle.address(), scale.operations, first)
        waits = [measured(load, "alone"), beside(start, load, scale, only)]
        sockets = process.sockets()
        siege = Siege(dohle.address(), scale, only)
        waits.append(measured(load, "besieged", until=lambda: siege.done(scale.rounds)))
        peak, files = process.peak(), process.files()
        siege.lift()
        told = "; ".join(f"{phase} {tell(clients)}, kcat to kcat {tell(kcat)}" for phase, (clients, kcat) in zip(PHASES, waits))
        if peak is None:
            return told
        expect(peak < ceiling(), f"memory grew to {peak // MIB} MiB; docs/limits.md states {ceiling() // MIB}")
        expect(files <= descriptors // 4 + 64, f"{files} files are open")
        settles(lambda: process.sockets() <= sockets + 8, "the connections are closed")
        settles(lambda: rests(process), "the broker rests")
        expect(dohle.pid(), "the broker runs")
        after = process.memory()
        dohle.stop()
        log = (dohle.folder / "dohle.log").read_text(errors="replace")
        microseconds, piece = re.search(r'longest_turn_cpu_us=(\d+) longest_piece="(.*?)"', log).groups()
        told += f"; longest turn {int(microseconds) // 1000} ms of CPU, of it most {piece}"
        return f"{told}; memory {peak // MIB} of {ceiling() // MIB} MiB, {after // MIB} afterwards; {files} files"
    except AssertionError as failure:
        log = (dohle.folder / "dohle.log").read_text(errors="replace").splitlines()[-20:]
        raise AssertionError("\n".join([str(failure), f"status {dohle.process.poll()}", *log])) from None
    finally:
        if siege:
            siege.kill()
        dohle.kill()


def rests(process):
    """Does it use little CPU time when nobody asks?"""
    before = process.cpu_s()
    time.sleep(1)
    return process.cpu_s() - before < 0.3
