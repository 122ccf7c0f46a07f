"""Transactions under concurrency and kills: writers, copiers and readers of Java and librdkafka, while the broker is
killed again and again, and the process of librdkafka too. Then all is read, by both, and held against what was noted
(history.py)."""
import random
import time
from contextlib import ExitStack

from applications import java, python
from brokers import PATIENCE_S, await_until
from checks import expect
from client import Client
from history import by_place, read_live, read_notes, violations
from topics import Topics

SHOWN = 10
ROUND_KILLS = 100  # then all is read, and another broker begins
READ = "abc"  # a topic each
WORKERS_OF_LIBRDKAFKA = "rdkafka"


class Going:
    """A process of workers, and how far they are."""

    def __init__(self, command, address, log):
        self.client = Client(command, address, log)
        self.client.patience_s = PATIENCE_S
        self.progress = {"done": {}, "written": False, "drained": False}

    def note(self):
        while self.client.answered():
            self.progress.update(self.client.next_progress())

    def tell(self, what):
        self.client.begin(what)


class Checker:
    def __init__(self, make_broker, folder, seed, log):
        self.broker = make_broker(folder / "broker", [])
        self.topics = Topics(self.broker, log)
        self.folder, self.random, self.log = folder, random.Random(seed), log
        self.notes, self.going = [], {}
        self.restarts = self.ended = 0

    def start(self, name):
        notes = self.folder / f"notes-{len(self.notes)}"
        self.notes.append(notes)
        seed = self.random.randrange(10**6)
        if name == "java":
            command = java("checker", "dohle.eos.Workers", notes, self.folder / "live", seed)
        else:
            command = python("checker/librdkafka.py", notes, seed, name)
        self.going[name] = Going(command, self.broker.address(), self.log)

    def counts(self):
        """Ended transactions by worker."""
        counts = {}
        for going in self.going.values():
            going.note()
            counts.update(going.progress["done"])
        return counts

    def wait_for_some(self):
        wanted = sum(self.counts().values()) + self.random.randrange(1, 40)
        await_until(lambda: sum(self.counts().values()) >= wanted, f"{wanted} transactions")

    def wait_for_all(self):
        before = self.counts()
        await_until(lambda: all(count > before.get(worker, 0) for worker, count in self.counts().items()),
                    lambda: f"each worker ends a transaction: {self.counts()}, before {before}")

    def kill_workers(self):
        """Those of librdkafka; others of their ids take over what they left."""
        self.going[WORKERS_OF_LIBRDKAFKA].client.kill()
        self.start(WORKERS_OF_LIBRDKAFKA)
        self.restarts += 1
        await_until(lambda: WORKERS_OF_LIBRDKAFKA + "-w" in self.counts(), "the workers are there again")

    def run(self, kills):
        with self.broker, ExitStack() as stack:
            stack.callback(lambda: [going.client.kill() for going in self.going.values()])
            self.start("java")
            await_until(lambda: self.counts().get("java-w0"), "topics and a transaction")
            self.start(WORKERS_OF_LIBRDKAFKA)
            await_until(lambda: all(self.counts().get(f"{WORKERS_OF_LIBRDKAFKA}-{worker}") for worker in "wc"),
                        "a transaction of each worker of librdkafka")
            for number in range(1, kills + 1):
                self.wait_for_some()
                time.sleep(self.random.random() * 0.02)  # any moment
                self.broker.kill_and_start()
                if number % 8 == 0:
                    self.kill_workers()
                if number % 10 == 0:
                    self.wait_for_all()
            self.wait_for_all()
            told = self.end()
            read = self.verify("after the kills")
            self.broker.stop()
            self.broker.start()
            expect(self.verify("after a clean stop") == read, "the same is read after a clean stop")
            return (f"{kills} kills, {self.restarts} of workers, {self.ended} transactions, {read} records read, "
                    f"{told['held']} last stable offsets of open ones, "
                    f"slowest start {self.broker.slowest_s * 1000:.0f} ms")

    def end(self):
        """Writers first, then the copiers when all is copied."""
        workers = self.going.values()
        for going in workers:
            going.tell("drain")
        await_until(lambda: self.counts() and all(going.progress["written"] for going in workers), "the writers end",
                    moving=self.counts)
        self.going["java"].tell("settle")
        await_until(lambda: self.counts() and self.going["java"].progress["drained"], "all is copied",
                    moving=self.counts)
        self.ended = sum(self.counts().values())
        for going in workers:
            going.tell("end")
        results = {name: going.client.finish(progress=going.progress.update) for name, going in self.going.items()}
        return results["java"]

    def verify(self, when):
        """Returns the number of records that are read."""
        transactions = read_notes(self.notes)
        reading = by_place(self.topics.read(*READ))
        wrong = list(violations(transactions, reading))
        expect(not wrong, f"{when}, {len(wrong)} violations:\n" + "\n".join(wrong[:SHOWN]))
        live = read_live(self.folder / "live")
        for place, records in reading.items():
            expect(live[place] == records,
                   f"{when}: {place} was read as {len(live[place])} records, is now {len(records)}")
        committed = self.topics.committed("copiers", "a")
        ends = {str(partition): records[-1][0] + 1 for (topic, partition), records in reading.items() if topic == "a"}
        expect(committed == ends, f"{when}: {committed} is committed for the group, not {ends}")
        uncommitted = by_place(self.topics.read(*READ, isolation="read_uncommitted"))
        expect(any(violations(transactions, uncommitted)), "without transactions the same records are wrong")
        return sum(map(len, reading.values()))


def check(make_broker, folder, seed, log, kills):
    told = []
    for number, begun in enumerate(range(0, kills, ROUND_KILLS)):
        part = folder / str(number)
        part.mkdir(parents=True)
        told.append(Checker(make_broker, part, f"{seed}-{number}", log).run(min(ROUND_KILLS, kills - begun)))
    return "; ".join(told)
