"""Topics of a broker as the checks see them: made, written and read by records.py, a process each time."""
import json
import subprocess

from applications import python
from checks import expect


class Topics:
    def __init__(self, broker, log):
        self.broker, self.log = broker, log

    def _run(self, command, *arguments, given=""):
        words = python("records.py", command, self.broker.address(), *arguments)
        done = subprocess.run(words, input=given, stdout=subprocess.PIPE, stderr=self.log, text=True)
        if done.returncode:
            raise AssertionError(f"{command} {' '.join(map(str, arguments))} failed, see applications.log")
        return done.stdout

    def create(self, **partitions):
        """Topics by name."""
        self._run("create", *(f"{name}:{count}" for name, count in partitions.items()))

    def write(self, topic, records):
        """Each [partition or None, timestamp, key, value]; all are acknowledged."""
        self._run("write", topic, given="".join(json.dumps(record) + "\n" for record in records))

    def read(self, *topics, isolation="read_committed"):
        """All that is in them now: [topic, partition, offset, key, value], in order within a partition."""
        return [json.loads(line) for line in self._run("read", isolation, *topics).splitlines()]

    def await_count(self, topic, count):
        """So many records at least can be read committed."""
        self._run("await", topic, count)

    def await_more(self, topic, enough, give):
        """`give()` has records written to the topic, once all that there are are read; then `enough` more can be read
        committed. Returns at that very moment, not when some process has ended."""
        words = python("records.py", "more", self.broker.address(), topic, enough)
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=self.log, text=True) as reader:
            try:
                expect(reader.stdout.readline(), f"{topic} is not read, see applications.log")
                give()
                expect(reader.stdout.readline(), f"no {enough} more in {topic}, see applications.log")
            finally:
                reader.kill()

    def abort(self, *transactional_ids):
        """What killed producers left open. Kafka Connect would wait for its time, which is long here: no task is to
        fail only because the machine is busy."""
        self._run("abort", *transactional_ids)

    def committed(self, group, topic):
        """Offset by partition, as text."""
        return json.loads(self._run("committed", group, topic))
