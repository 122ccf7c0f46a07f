"""A group of three consumers, Java and librdkafka, that commit while the broker is killed again and again: no commit that was
answered is lost, and no member is asked to join anew."""
import random
import time
from contextlib import ExitStack

from checks import expect
from client import Client

MEMBERS = ["confluent-kafka", "java", "confluent-kafka"]
PARTITIONS = 6
PROGRESS_S = 60  # a net


class Member:
    def __init__(self, name, client):
        self.name, self.client = name, client
        self.count = self.assignments = self.lost = 0

    def note(self):
        """Take in what it told so far."""
        while self.client.answered():
            progress = self.client.next_progress()
            self.count, self.assignments, self.lost = (progress[name] for name in ("count", "assignments", "lost"))


class GroupUnderKills:
    def __init__(self, dohle, commands, log, seed):
        self.dohle, self.commands, self.log, self.random = dohle, commands, log, random.Random(seed)
        self.members, self.slowest_s = [], 0.0

    def client(self, stack, name):
        return stack.enter_context(Client(self.commands[name], self.dohle.address(), self.log))

    def wait_for_progress(self):
        """Each commits again, twice: the first may have been under way before."""
        for _ in range(2):
            wanted = [member.count + 1 for member in self.members]
            deadline = time.monotonic() + PROGRESS_S
            while any(member.count < count for member, count in zip(self.members, wanted)):
                expect(time.monotonic() < deadline, f"all go on, at {[(member.name, member.count) for member in self.members]}")
                time.sleep(0.002)
                for member in self.members:
                    member.note()

    def assignments(self):
        return [member.assignments for member in self.members]

    def run(self, kills):
        with ExitStack() as stack:
            stack.callback(self.dohle.kill)
            self.dohle.start()
            other = self.client(stack, "java")
            other.create_topic(topic="t", partitions=PARTITIONS, configs={})
            for name in MEMBERS:
                self.members.append(Member(name, self.client(stack, name)))
                self.members[-1].client.begin("commit_stream", topic="t", group="g")
            self.wait_for_progress()
            assignments = self.assignments()
            for _ in range(kills):
                time.sleep(self.random.random() * 0.05)
                self.dohle.kill()
                self.slowest_s = max(self.slowest_s, self.dohle.start())
                self.wait_for_progress()
                expect(self.assignments() == assignments, f"nobody joined anew: {self.assignments()}, not {assignments}")
            self.verify(other)
        lost = sum(member.lost for member in self.members)
        return (f"{kills} kills, {sum(member.count for member in self.members)} commits, {lost} answers lost, "
                f"slowest start {self.slowest_s * 1000:.0f} ms")

    def verify(self, other):
        """All partitions have an owner, and are committed as it says, also after a clean stop."""
        commits = {}
        for member in self.members:
            member.client.begin("end")
        for member in self.members:
            commits.update(member.client.finish()["commits"])
        expect(sorted(commits) == [str(partition) for partition in range(PARTITIONS)], f"each has an owner: {commits}")
        for _ in range(2):
            found = other.group_offsets(topic="t", group="g")["offsets"]
            expect(found == commits, f"committed {found}, not {commits}")
            self.dohle.stop()
            self.dohle.start()
