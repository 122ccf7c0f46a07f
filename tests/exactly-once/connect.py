"""Kafka Connect with its connectors of files: what comes out of the sink is the file that went into the source.

Distributed, with exactly.once.source.support, the worker and the broker are killed on the way; the sink, which has no exactly-once of
its own, begins afterwards. Standalone a worker is stopped and started again on the way."""
import json
import urllib.error
import urllib.request

from apache_kafka import free_port
from applications import java
from brokers import await_until
from checks import expect
from process import Process
from topics import Topics

# The source reads 1024 bytes, and lines that its buffer has behind a batch wait until the file grows: so few lines fit in,
# and all are a multiple of a batch.
LINES, BATCH, LINE_BYTES = 10000, 20, 300
SOURCE = {"connector.class": "org.apache.kafka.connect.file.FileStreamSourceConnector", "tasks.max": 1, "batch.size": BATCH}
SINK = {"connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "tasks.max": 1}
CONVERTERS = {"key.converter": "org.apache.kafka.connect.storage.StringConverter",
              "value.converter": "org.apache.kafka.connect.storage.StringConverter"}
INTERNAL = {f"{what}.storage.{name}": value for what in ("config", "offset", "status")
            for name, value in (("topic", f"connect-{what}"), ("replication.factor", 1), ("partitions", 1))
            if (what, name) != ("config", "partitions")}
QUICK = {"scheduled.rebalance.max.delay.ms": 0, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
         "offset.flush.interval.ms": 200, "plugin.discovery": "service_load"}
LOG4J = """<Configuration status="error"><Appenders><Console name="stderr" target="SYSTEM_ERR">
<PatternLayout pattern="[%d] %p %m (%c)%n"/></Console></Appenders>
<Loggers><Root level="WARN"><AppenderRef ref="stderr"/></Root></Loggers></Configuration>
"""


def properties(path, values):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    return path


def connect_java(folder, main, *arguments):
    """The command of a program of Connect."""
    config = folder / "log4j2.xml"
    folder.mkdir(parents=True, exist_ok=True)
    config.write_text(LOG4J)
    return java("connect", main, *arguments, flags=[f"-Dlog4j2.configurationFile={config}"])


def write_lines(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"line {number:06} ".ljust(LINE_BYTES, ".") for number in range(LINES)]
    path.write_text("".join(line + "\n" for line in lines))
    return lines


def lines_of(path):
    return path.read_text().splitlines() if path.exists() else []


class Worker:
    """A distributed worker; its REST address stays the same."""

    def __init__(self, folder, broker, log):
        self.port, self.log = free_port(), log
        config = properties(folder / "worker.properties", {
            "bootstrap.servers": broker.address(), "group.id": "connect", "exactly.once.source.support": "enabled",
            "listeners": f"http://127.0.0.1:{self.port}", "consumer.isolation.level": "read_committed",
            **CONVERTERS, **INTERNAL, **QUICK})
        self.command = connect_java(folder, "org.apache.kafka.connect.cli.ConnectDistributed", config)
        self.start()

    def start(self):
        self.process = Process(self.command, self.log)

    def configure(self, name, config):
        """A connector, as soon as the worker takes it."""
        await_until(lambda: self._put(f"connectors/{name}/config", config), f"connector {name}", alive=self.process.check)

    def _put(self, path, body):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", json.dumps(body).encode(), method="PUT",
                                         headers={"Content-Type": "application/json"})
        try:
            return urllib.request.urlopen(request, timeout=60).status in (200, 201)
        except urllib.error.HTTPError as error:
            expect(error.code in (404, 409, 500, 503), f"{path}: {error.code} {error.read()}")
        except OSError:
            pass  # it starts
        return False


def distributed(make_broker, folder, seed, log, _kills):
    lines = write_lines(folder / "in")
    with make_broker(folder / "broker") as broker:
        topics = Topics(broker, log)
        topics.create(lines=1)
        worker = Worker(folder / "worker", broker, log)
        try:
            worker.configure("source", {**SOURCE, "file": str(folder / "in"), "topic": "lines", "name": "source"})
            topics.await_count("lines", LINES // 10)
            worker.process.kill()
            part = len(topics.read("lines"))
            worker.start()
            topics.await_count("lines", min(part + LINES // 10, LINES))
            broker.kill_and_start()
            topics.await_count("lines", LINES)
            worker.configure("sink", {**SINK, "file": str(folder / "out"), "topics": "lines", "name": "sink"})
            await_until(lambda: len(lines_of(folder / "out")) >= LINES, "the file", alive=worker.process.check)
            worker.process.stop()
        finally:
            worker.process.kill()
        expect([value for *_place, value in topics.read("lines")] == lines, "the topic has each line once, in order")
        expect(lines_of(folder / "out") == lines, "the file is the one that went in")
    return f"{LINES} lines, worker killed after {part}"


def standalone(make_broker, folder, seed, log, _kills):
    lines = write_lines(folder / "in")
    with make_broker(folder / "broker") as broker:
        topics = Topics(broker, log)
        topics.create(lines=1)
        worker = properties(folder / "worker.properties", {
            "bootstrap.servers": broker.address(), "offset.storage.file.filename": folder / "offsets",
            "listeners": f"http://127.0.0.1:{free_port()}", **CONVERTERS, "offset.flush.interval.ms": 200,
            "plugin.discovery": "service_load"})
        source = properties(folder / "source.properties", {**SOURCE, "name": "source", "file": folder / "in", "topic": "lines"})
        sink = properties(folder / "sink.properties", {**SINK, "name": "sink", "file": folder / "out", "topics": "lines"})
        command = connect_java(folder, "org.apache.kafka.connect.cli.ConnectStandalone", worker, source, sink)
        process = Process(command, log)
        try:
            await_until(lambda: len(lines_of(folder / "out")) >= LINES // 10, "a part of the file", alive=process.check)
            process.stop()
            part = len(lines_of(folder / "out"))
            process = Process(command, log)
            await_until(lambda: len(lines_of(folder / "out")) >= LINES, "the file", alive=process.check)
            process.stop()
        finally:
            process.kill()
        expect(lines_of(folder / "out") == lines, "the file is the one that went in")
    return f"{LINES} lines, worker stopped after {part}"
