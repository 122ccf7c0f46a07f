"""Kafka Connect with its connectors of files: what comes out of the sink is the file that went into the source.

The file grows while the source reads it, at last just before a worker or the broker is killed or stopped: so there is
work left then. Distributed, with exactly.once.source.support, the worker and the broker are killed on the way; the
sink, which has no exactly-once of its own, begins afterwards. Standalone a worker is stopped and started again on the
way."""
import json
import re
import urllib.error
import urllib.request

from applications import java
from brokers import await_until
from checks import expect
from process import Process
from topics import Topics

# The source reads 1024 bytes at a time, and a line that its buffer has behind a full batch waits until the file grows:
# so no two lines fit in.
LINE_BYTES = 600
PART, STANDALONE_PART = 1000, 5000  # lines
ENOUGH = 50  # lines of a part
SOURCE = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": 1}
# Not with each poll: a commit just after the first record may overtake it in kafka-clients, and then the task fails
# (see README.md).
TRANSACTIONS = {"transaction.boundary": "interval", "transaction.boundary.interval.ms": 100}
# A request of one record after the other: a part takes a while, however quick the machine is.
ONE_BY_ONE = {"producer.batch.size": 0, "producer.buffer.memory": 4096,
              "producer.max.in.flight.requests.per.connection": 1}
SINK = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": 1}
CONVERTERS = {"key.converter": "org.apache.kafka.connect.storage.StringConverter",
              "value.converter": "org.apache.kafka.connect.storage.StringConverter"}
INTERNAL = {f"{what}.storage.{name}": value for what in ("config", "offset", "status")
            for name, value in (("topic", f"connect-{what}"), ("replication.factor", 1), ("partitions", 1))
            if (what, name) != ("config", "partitions")}
# What a busy machine makes slow is waited for. A worker that cannot read its topics in time would leave for minutes.
PATIENT = {"offset.flush.timeout.ms": 120_000, "task.shutdown.graceful.timeout.ms": 120_000}
PATIENT_GROUP = {"worker.sync.timeout.ms": 120_000, "worker.unsync.backoff.ms": 500,
                 "producer.transaction.timeout.ms": 600_000}
QUICK = {"offset.flush.interval.ms": 200, "plugin.discovery": "service_load"}
QUICK_GROUP = {"scheduled.rebalance.max.delay.ms": 0, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500}
ANY_PORT = {"listeners": "http://127.0.0.1:0"}
LOG4J = """<Configuration status="error"><Appenders><Console name="stderr" target="SYSTEM_ERR">
<PatternLayout pattern="[%d] %p %m (%c)%n"/></Console><File name="rest" fileName="{rest}" append="false"/></Appenders>
<Loggers><Logger name="org.apache.kafka.connect.runtime.rest.RestServer" level="INFO"><AppenderRef ref="rest"/></Logger>
<Root level="WARN"><AppenderRef ref="stderr" level="WARN"/></Root></Loggers></Configuration>
"""
LISTENING = re.compile(r"REST server listening at (http://[\d.]+:\d+/)")


def properties(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def connect_java(folder, main, *arguments):
    """The command of a program of Connect. It logs to folder/rest.log where its REST server listens."""
    config = folder / "log4j2.xml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(LOG4J.format(rest=folder / "rest.log"))
    return java("connect", main, *arguments, flags=[f"-Dlog4j2.configurationFile={config}"])


class Lines:
    """A file that grows by parts."""

    def __init__(self, path, part):
        self.path, self.part, self.all = path, part, []
        path.parent.mkdir(parents=True, exist_ok=True)

    def grow(self):
        begin = len(self.all)
        more = [f"line {number:06} ".ljust(LINE_BYTES, ".") for number in range(begin, begin + self.part)]
        self.all += more
        with open(self.path, "a") as file:
            file.writelines(line + "\n" for line in more)

    def size(self):
        return self.path.stat().st_size


class Copy:
    """The file that the sink writes."""

    def __init__(self, path):
        self.path = path

    def size(self):
        return self.path.stat().st_size if self.path.exists() else 0

    def await_more_than(self, size, process):
        await_until(lambda: self.size() > size, lambda: f"more than {size} bytes, now {self.size()}", moving=self.size,
                    alive=process.check)

    def lines(self):
        return self.path.read_text().splitlines()


class Worker:
    """A distributed worker."""

    def __init__(self, folder, broker, log):
        self.folder, self.log = folder, log
        config = properties(folder / "worker.properties", {
            "bootstrap.servers": broker.address(), "group.id": "connect", "exactly.once.source.support": "enabled",
            "consumer.isolation.level": "read_committed", **ANY_PORT, **CONVERTERS, **INTERNAL, **QUICK, **QUICK_GROUP,
            **PATIENT, **PATIENT_GROUP, **ONE_BY_ONE})
        self.command = connect_java(folder, "org.apache.kafka.connect.cli.ConnectDistributed", config)
        self.start()

    def start(self):
        (self.folder / "rest.log").unlink(missing_ok=True)
        self.process = Process(self.command, self.log)

    def configure(self, name, config):
        """A connector, as soon as the worker takes it."""
        await_until(lambda: self._put(f"connectors/{name}/config", config), f"connector {name}",
                    alive=self.process.check)

    def _put(self, path, body):
        told = self.folder / "rest.log"
        listening = LISTENING.search(told.read_text()) if told.exists() else None
        if not listening:
            return False
        request = urllib.request.Request(listening[1] + path, json.dumps(body).encode(), method="PUT",
                                         headers={"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=60).status in (200, 201)
        except urllib.error.HTTPError as error:
            expect(error.code in (404, 409, 500, 503), f"{path}: {error.code} {error.read()}")
        except OSError:
            pass  # it starts
        return False


def distributed(make_broker, folder, seed, log, _kills):
    lines, copy = Lines(folder / "in", PART), Copy(folder / "out")
    with make_broker(folder / "broker") as broker:
        topics = Topics(broker, log)
        topics.create(lines=1)
        worker = Worker(folder / "worker", broker, log)

        def await_work():
            """Returns while the source is at work, or has not yet seen what there is."""
            topics.await_more("lines", ENOUGH, lines.grow)
            lines.grow()
        try:
            worker.configure("source", {**SOURCE, **TRANSACTIONS, "batch.size": 20, "file": str(lines.path),
                                        "topic": "lines", "name": "source"})
            await_work()
            worker.process.kill()
            part = f"{len(topics.read('lines'))} of {len(lines.all)}"
            topics.abort("connect-source-0")
            worker.start()
            await_work()
            broker.kill_and_start()
            topics.await_count("lines", len(lines.all))
            worker.configure("sink", {**SINK, "file": str(copy.path), "topics": "lines", "name": "sink"})
            copy.await_more_than(lines.size() - 1, worker.process)
            worker.process.stop()
        finally:
            worker.process.kill()
        expect([value for *_place, value in topics.read("lines")] == lines.all,
               "the topic has each line once, in order")
        expect(copy.lines() == lines.all, "the file is the one that went in")
    return f"{len(lines.all)} lines, worker killed after {part}"


def standalone(make_broker, folder, seed, log, _kills):
    lines, copy = Lines(folder / "in", STANDALONE_PART), Copy(folder / "out")
    with make_broker(folder / "broker") as broker:
        Topics(broker, log).create(lines=1)
        worker = properties(folder / "worker.properties", {
            "bootstrap.servers": broker.address(), "offset.storage.file.filename": folder / "offsets",
            "producer.enable.idempotence": "true", **ANY_PORT, **CONVERTERS, **QUICK, **PATIENT})
        source = properties(folder / "source.properties", {
            **SOURCE, "name": "source", "batch.size": 20, "file": lines.path, "topic": "lines"})
        sink = properties(folder / "sink.properties", {**SINK, "name": "sink", "file": copy.path, "topics": "lines"})
        command = connect_java(folder, "org.apache.kafka.connect.cli.ConnectStandalone", worker, source, sink)
        lines.grow()
        process = Process(command, log)
        try:
            copy.await_more_than(0, process)
            lines.grow()
            process.stop()
            part = f"{len(copy.lines())} of {len(lines.all)}"
            process = Process(command, log)
            copy.await_more_than(lines.size() - 1, process)
            process.stop()
        finally:
            process.kill()
        expect(copy.lines() == lines.all, "the file is the one that went in")
    return f"{len(lines.all)} lines, worker stopped after {part}"
