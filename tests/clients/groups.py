"""What every client has to manage as a member of a consumer group, and what of groups it administers.

A Group is one group of members, each an adapter process of its own. Records are numbered by their values, produced by the
client's own partitioner, and counted when a member's group_poll gives them out: each exactly once, whatever members join,
leave or die, because what was given out is committed before. A member's process is used again by the next check, which
matters to those that start slowly.
"""
import itertools
import time
from collections import Counter

from checklist import TIMEOUT_S, check, expect, refused, section, shorten
from client import ClientError, Unsupported, record

PARTITIONS = 6
ROUND = 30  # records
SESSION_MS = 6000  # the shortest that Kafka allows by default: so long a killed member keeps its partitions
LONG_SESSION_MS = 45000  # longer than we wait: whoever goes has to say so
POLL_MS = 200


class Member:
    """One process in the group: what it was given, how often that changed, how many partitions were taken from it."""

    def __init__(self, client):
        self.client = client
        self.assigned, self.rebalances, self.revoked, self.records = [], 0, 0, []

    def polled(self, result):
        self.assigned, self.rebalances, self.revoked = sorted(result["assigned"]), result["rebalances"], result["revoked"]
        self.records = result["records"]


class Group:
    def __init__(self, session, assignor=None, session_ms=SESSION_MS):
        """`assignor` None is the one that the client takes by itself."""
        self.session, self.assignor, self.session_ms = session, assignor, session_ms
        self.name, self.members = session.unused_name(), []
        self.produced, self.seen = 0, Counter()
        try:
            self.topic = session.settled_topic(PARTITIONS)
        except Unsupported:  # the broker is set to create topics with so many
            self.topic = session.unused_name()
            self.produce(1)

    def __enter__(self):
        return self

    def __exit__(self, error, *_more):
        for member in list(self.members):
            if error:
                self.kill(member)
            else:
                self.leave(member)

    def join(self, instance=None):
        """A further member. It is one when settle() returns."""
        member = Member(self.session.spare_client())
        self.members.append(member)
        member.client.group_join(group=self.name, topic=self.topic, instance=instance, assignor=self.assignor,
                                 session_ms=self.session_ms)
        return member

    def leave(self, member):
        self.members.remove(member)
        member.client.group_leave()
        self.session.keep_client(member.client)

    def kill(self, member):
        self.members.remove(member)
        member.client.kill()

    def produce(self, count):
        numbers = range(self.produced, self.produced + count)
        self.session.produce(self.topic, [record(f"key-{number}", f"{number}") for number in numbers], partition=None)
        self.produced += count

    def poll(self):
        """Every member polls once, all at a time. Returns the records of all: [partition, offset, value]."""
        for member in self.members:
            member.client.begin("group_poll", ms=POLL_MS)
        for member in self.members:
            member.polled(member.client.finish())
        records = [one for member in self.members for one in member.records]
        self.seen.update(int(value) for _partition, _offset, value in records)
        return records

    def poll_until(self, reached, what):
        deadline = time.monotonic() + TIMEOUT_S
        records = []
        while not reached():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what()} after {TIMEOUT_S} s")
            records += self.poll()
        return records

    def settle(self):
        """Poll until the members have all partitions among them, none twice, evenly."""
        def settled():
            shares = [member.assigned for member in self.members]
            sizes = [len(share) for share in shares]
            return sorted(sum(shares, [])) == list(range(PARTITIONS)) and max(sizes) - min(sizes) <= 1

        self.poll_until(settled, lambda: f"members have {[member.assigned for member in self.members]}")

    def consume(self, count=ROUND):
        """Produce records; every one is given out, to one member, once, and none that was produced before again."""
        self.produce(count)
        records = self.poll_until(lambda: len(self.seen) == self.produced,
                                  lambda: f"{self.produced - len(self.seen)} of {self.produced} records were not seen")
        records += self.poll()
        expect({number: times for number, times in self.seen.items() if times != 1}, {})
        return records

    def commit(self, how="sync"):
        for member in self.members:
            member.client.group_commit(how=how)

    def step(self):
        """The members of now divide the partitions, see new records once, and commit."""
        self.settle()
        self.consume()
        self.commit()


def offsets(session, group, topic):
    """What is committed for the partitions of a topic: {partition: offset}."""
    told = session.client.group_offsets(group=group, topic=topic)["offsets"]
    return {int(partition): offset for partition, offset in told.items() if offset >= 0}


def await_committed(member, expected):
    """Until a member finds these offsets committed: {partition: offset}. An asynchronous commit may be on its way."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        told = member.client.group_committed(places=list(expected))["offsets"]
        committed = {int(partition): max(offset, 0) for partition, offset in told.items()}  # nothing committed: below 0
        if committed == expected:
            return
        if time.monotonic() > deadline:
            expect(committed, expected)


def ends(session, topic):
    """The next offset of each partition. A client whose broker was away may first have to find it again."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        try:
            return ends_now(session, topic)
        except ClientError:
            if time.monotonic() > deadline:
                raise


def ends_now(session, topic):
    return {partition: session.client.list_offsets(topic=topic, partition=partition, at="latest")["offset"]
            for partition in range(PARTITIONS)}


section("groups")


@check
def group_consume(session):
    """Three members divide the partitions and every record is given out once."""
    with Group(session) as group:
        for _ in range(3):
            group.join()
        group.settle()
        group.consume()


@check
def group_of_three(session):
    """Members join, leave and are killed; every record is given out once."""
    with Group(session) as group:
        group.join()
        group.step()
        killed, left = group.join(), group.join()
        group.step()
        group.leave(left)
        group.step()
        group.kill(killed)
        group.step()


@check
def group_static(session):
    """A member with an instance id that dies and comes back has its partitions, and the others do not notice."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        other, first = group.join(instance="one"), group.join(instance="two")
        group.step()
        before, share = other.rebalances, first.assigned
        group.kill(first)
        again = group.join(instance="two")
        group.step()
        expect(again.assigned, share)
        expect(other.rebalances, before)


def add_assignor_check(assignor):
    def divides(session):
        """The partitions are divided again when a member joins and when one says that it leaves."""
        with Group(session, assignor, LONG_SESSION_MS) as group:
            first = group.join()
            group.step()
            second = group.join()
            group.step()
            if assignor == "cooperative-sticky":  # what it keeps is not taken away meanwhile
                expect(first.revoked, PARTITIONS // 2)
            group.leave(second)
            group.step()
    check(divides, f"group-{assignor}")


for each_assignor in ("range", "roundrobin", "sticky", "cooperative-sticky"):
    add_assignor_check(each_assignor)


@check
def group_commit_async(session):
    """A commit that is not waited for."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        member = group.join()
        group.settle()
        group.consume()
        group.commit("async")
        await_committed(member, ends(session, group.topic))


@check
def group_commit(session):
    """What is committed is where the next member goes on; what is not comes again."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        first = group.join()
        group.step()
        await_committed(first, ends(session, group.topic))
        again = sorted(int(value) for _partition, _offset, value in group.consume())
        group.leave(first)
        group.join()
        group.seen.subtract(again)
        group.seen += Counter()
        group.settle()
        group.poll_until(lambda: len(group.seen) == group.produced, lambda: f"only {shorten(sorted(group.seen))}")
        expect(max(group.seen.values()), 1)


@check
def group_seek(session):
    """A member goes back in one of its partitions and reads that one again."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        member = group.join()
        group.settle()
        records = group.consume()
        partition = records[0][0]
        first = sorted(one for one in records if one[0] == partition)
        group.seen.clear()
        member.client.group_seek(partition=partition, offset=1)
        again = group.poll_until(lambda: len(group.seen) >= len(first) - 1, lambda: f"only {shorten(sorted(group.seen))}")
        expect(again, first[1:])


@check
def group_pause(session):
    """Nothing comes from paused partitions until they are resumed."""
    paused = [0, 1, 2]
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        member = group.join()
        group.step()
        member.client.group_pause(places=paused)
        before = ends(session, group.topic)
        group.produce(ROUND)
        after = ends(session, group.topic)
        grown = [sum(after[at] - before[at] for at in range(PARTITIONS) if (at in paused) == held) for held in (True, False)]
        expect(min(grown) > 0, True)
        records = group.poll_until(lambda: len(group.seen) == group.produced - grown[0],
                                   lambda: f"{len(group.seen)} of {group.produced}, {grown[0]} held back")
        records += group.poll()
        expect({one[0] for one in records} & set(paused), set())
        member.client.group_resume(places=paused)
        group.poll_until(lambda: len(group.seen) == group.produced, lambda: f"{len(group.seen)} of {group.produced}")
        expect(max(group.seen.values()), 1)


def goes_on_after_restarts(session, restarts):
    """The broker goes down in each of the ways `restarts`; then the same members see what is new, without a rebalance."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        members = [group.join(), group.join()]
        group.step()
        before = [(member.assigned, member.rebalances) for member in members]
        for restart in restarts:
            restart()
            group.consume()
            expect([(member.assigned, member.rebalances) for member in members], before)
            group.commit()
            end = ends(session, group.topic)
            await_committed(members[0], {partition: end[partition] for partition in members[0].assigned})


section("group admin")


def used_group(session):
    """A group that is empty again, with something committed in every partition: its name and the topic's."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        group.join()
        group.settle()
        group.consume(100)
        group.commit()
    return group.name, group.topic


@check
def list_groups(session):
    """A group is listed."""
    name, _topic = used_group(session)
    expect(name in session.client.list_groups()["groups"], True)


@check
def describe_group(session):
    """Its state, its members and what each has; without members it is empty."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        group.join()
        group.join()
        group.settle()
        described = session.client.describe_group(group=group.name)
        expect(described["state"], "Stable")
        expect(sorted(sorted(member["partitions"]) for member in described["members"]),
               sorted(member.assigned for member in group.members))
    described = session.client.describe_group(group=group.name)
    expect([described["state"], described["members"]], ["Empty", []])


@check
def group_offsets(session):
    """The committed offsets of a group, read by another."""
    name, topic = used_group(session)
    expect(offsets(session, name, topic), ends(session, topic))


@check
def reset_offsets(session):
    """The committed offset of an empty group is set to another, and a member goes on there; not while it has members."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        member = group.join()
        group.settle()
        group.consume(100)
        group.commit()
        change = {"group": group.name, "topic": group.topic, "partition": 2, "offset": 3}
        with refused():
            session.client.alter_group_offset(**change)
        group.leave(member)
        session.client.alter_group_offset(**change)
        expect(offsets(session, group.name, group.topic), {**ends(session, group.topic), 2: 3})
        group.join()
        group.seen.clear()
        (first, *_more) = group.poll_until(lambda: group.seen, lambda: "nothing came")
        expect(first[:2], [2, 3])


@check
def delete_offsets(session):
    """What a group has committed for a partition is forgotten."""
    name, topic = used_group(session)
    session.client.delete_group_offset(group=name, topic=topic, partition=1)
    left = ends(session, topic)
    del left[1]
    expect(offsets(session, name, topic), left)


@check
def delete_group(session):
    """An empty group is deleted and forgets its offsets; one with members is not deleted."""
    with Group(session, session_ms=LONG_SESSION_MS) as group:
        member = group.join()
        group.step()
        with refused():
            session.client.delete_group(group=group.name)
        group.leave(member)
        session.client.delete_group(group=group.name)
        expect(offsets(session, group.name, group.topic), {})
        expect(group.name in session.client.list_groups()["groups"], False)
