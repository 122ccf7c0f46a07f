"""What every client with transactions has to manage with them.

A transaction belongs to a producer process, which holds it open between two commands; so a zombie is a process that goes on
with what another one has taken from it. What is committed is read by a reader of committed records, which waits where a
transaction is open.
"""
import base64
import contextlib
import time

from checklist import TIMEOUT_S, check, expect, refused, section
from client import ClientError, record
from groups import PARTITIONS, Group

TIMEOUT_MS = 60000  # of transactions that are to end by themselves not at all
SHORT_MS = (1000, 5000, 20000)  # each is tried when the one before was over too soon


class Transactions:
    """What one transactional id does in one topic with one partition."""

    def __init__(self, session):
        self.session = session
        self.topic, self.id = session.any_topic(), session.unused_name()

    def transact(self, values, end, client=None, timeout_ms=TIMEOUT_MS, **more):
        """Records of these values; `end` is "commit", "abort" or "", which leaves the transaction open."""
        records = [record("k", value) for value in values]
        client = client or self.session.client
        client.transact(topic=self.topic, partition=0, id=self.id, records=records, end=end, timeout_ms=timeout_ms, **more)

    def plain(self, value):
        self.session.produce(self.topic, [record("k", value)])

    def committed(self, count):
        """The first committed records: values."""
        return self._read(count, True)

    def all(self, count):
        return self._read(count, False)

    def _read(self, count, committed):
        records = self.session.client.fetch(topic=self.topic, partition=0, start="earliest", count=count,
                                            committed=committed)["records"]
        return [base64.b64decode(one["value"]).decode() for one in records]


section("transactions")


@check
def txn_commit(session):
    """Records of a transaction are there for all when it is open, and for readers of committed ones when it is committed."""
    work = Transactions(session)
    work.plain("before")
    work.transact(["a", "b"], end="")
    work.plain("behind")
    expect(work.all(4), ["before", "a", "b", "behind"])
    expect(work.committed(1), ["before"])
    work.transact(["c"], end="commit")
    expect(work.committed(5), ["before", "a", "b", "behind", "c"])


@check
def txn_abort(session):
    """Records of an aborted transaction are never read by readers of committed ones."""
    work = Transactions(session)
    work.transact(["a", "b"], end="abort")
    work.plain("behind")
    expect(work.committed(1), ["behind"])
    expect(work.all(3)[:2], ["a", "b"])


@check
def txn_series(session):
    """One producer, one transaction after the other, each ended in its own way."""
    work = Transactions(session)
    for number in range(20):
        work.transact([f"{number}"] * 2, end="abort" if number % 3 == 1 else "commit")
    expected = [f"{number}" for number in range(20) if number % 3 != 1 for _ in range(2)]
    expect(work.committed(len(expected)), expected)


@check
def txn_offsets(session):
    """Read, produce, and commit what was read in the same transaction: it counts with the records, or not at all."""
    work = Transactions(session)
    with Group(session) as group:
        member = group.join()
        group.settle()
        group.consume()
        none = {partition: 0 for partition in range(PARTITIONS)}
        work.transact(["aborted"], end="abort", client=member.client, consumed=True)
        expect(committed_of(member), none)
        work.transact(["committed"], end="commit", client=member.client, consumed=True)
        await_committed(member, group.produced)
        expect(work.committed(1), ["committed"])


def committed_of(member):
    told = member.client.group_committed(places=list(range(PARTITIONS)))["offsets"]
    return {partition: max(int(told.get(str(partition), -1)), 0) for partition in range(PARTITIONS)}


def await_committed(member, records):
    """Apache Kafka says that a transaction is committed when that is decided: its offsets may count a moment later."""
    deadline = time.monotonic() + TIMEOUT_S
    while sum(committed_of(member).values()) != records and time.monotonic() < deadline:
        pass
    expect(sum(committed_of(member).values()), records)


@check
def txn_fenced(session):
    """Another process takes over a transactional id: what its predecessor had open is aborted, and it cannot go on."""
    work = Transactions(session)
    zombie = session.spare_client()
    work.transact(["zombie"], end="", client=zombie)
    work.transact(["successor"], end="commit")
    with refused():
        work.transact(["late"], end="commit", client=zombie)
    expect(work.committed(1), ["successor"])
    zombie.kill()


@check
def txn_timeout(session):
    """The broker aborts a transaction that is open for longer than its producer said; readers go on behind it."""
    work, sleeper = begin_short(session)
    work.plain("behind")
    expect(work.committed(1), ["behind"])
    with refused():
        work.transact(["late"], end="commit", client=sleeper)
    expect(work.committed(1), ["behind"])
    sleeper.kill()


def begin_short(session):
    """A transaction that is open and soon out of time, and the client that has it: a busy machine may need longer to open one."""
    for timeout_ms in SHORT_MS:
        work, sleeper = Transactions(session), session.spare_client()
        with contextlib.suppress(ClientError):
            work.transact(["sleeper"], end="", client=sleeper, timeout_ms=timeout_ms)
            return work, sleeper
        sleeper.kill()
    raise AssertionError(f"no transaction could be opened in {timeout_ms} ms")
