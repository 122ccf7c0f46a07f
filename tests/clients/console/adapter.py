"""The command-line tools of Apache Kafka: every command is one run of a tool, which takes a second or two."""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE.parent.parent / "kafka")]
import adapter
from apache_kafka import Installation

NULL = "(null)"
TIMEOUT_S = 60


class ConsoleTools:
    def __init__(self, bootstrap):
        self.bootstrap = bootstrap
        self.installation = Installation()

    def tool(self, name, *arguments, **keywords):
        return self.installation.run_tool(name, "--bootstrap-server", self.bootstrap, *arguments, timeout=TIMEOUT_S,
                                          **keywords)

    def create_topic(self, topic, partitions, configs):
        more = [word for name, value in configs.items() for word in ("--config", f"{name}={value}")]
        self.tool("topics", "--create", "--topic", topic, "--partitions", partitions, *more)

    def delete_topic(self, topic):
        self.tool("topics", "--delete", "--topic", topic)

    def create_partitions(self, topic, total):
        self.tool("topics", "--alter", "--topic", topic, "--partitions", total)

    def describe_topic(self, topic):
        leaders = re.findall(r"Partition: \d+\tLeader: (\d+)", self.tool("topics", "--describe", "--topic", topic))
        return {"leaders": [int(leader) for leader in leaders]}

    def describe_configs(self, topic):
        listing = self.tool("configs", "--entity-type", "topics", "--entity-name", topic, "--describe", "--all")
        return {"configs": dict(re.findall(r"^\s+([a-z.]+)=(\S*) sensitive=", listing, re.MULTILINE))}

    def alter_config(self, topic, name, value):
        change = ["--delete-config", name] if value is None else ["--add-config", f"{name}={value}"]
        self.tool("configs", "--entity-type", "topics", "--entity-name", topic, "--alter", *change)

    def list_offsets(self, topic, partition, at):
        answer = self.tool("get-offsets", "--topic-partitions", f"{topic}:{partition}", "--time", at)
        return {"offset": int(answer.strip().rsplit(":", 1)[1])}

    def delete_records(self, topic, partition, before):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as offsets:
            json.dump({"version": 1, "partitions": [{"topic": topic, "partition": partition, "offset": before}]}, offsets)
            offsets.flush()
            told = self.tool("delete-records", "--offset-json-file", offsets.name)
        if f"low_watermark: {before}" not in told:
            raise RuntimeError(told)

    def log_sizes(self, topic):
        told = json.loads(self.tool("log-dirs", "--describe", "--topic-list", topic).splitlines()[-1])
        sizes = {one["partition"]: one["size"] for broker in told["brokers"] for directory in broker["logDirs"]
                 for one in directory["partitions"]}
        return {"sizes": [sizes[f"{topic}-{index}"] for index in range(len(sizes))]}

    def produce(self, topic, partition, codec, acks, idempotent, records):
        if partition:  # of a topic with one partition 0 is its choice
            raise adapter.Unsupported("the console producer chooses the partition itself")
        reader = {"parse.key": "true", "parse.headers": "true", "null.marker": NULL}
        producer = {"acks": acks, "enable.idempotence": str(idempotent).lower(), "linger.ms": "20",
                    "max.request.size": adapter.MAX_MESSAGE_BYTES}
        self.tool("console-producer", "--topic", topic, "--compression-codec", codec,
                  *flags("--reader-property", reader), *flags("--command-property", producer),
                  input="".join(line(record) for record in records))
        return {"hash": "murmur2"}

    def fetch(self, topic, partition, start, count):
        formatter = {f"print.{what}": "true" for what in ("timestamp", "offset", "headers", "key")}
        formatter["null.literal"] = NULL
        lines = self.tool("console-consumer", "--topic", topic, "--partition", partition, "--offset", start,
                          "--max-messages", count, "--timeout-ms", TIMEOUT_S * 1000,
                          *flags("--formatter-property", formatter)).splitlines()
        if len(lines) < count:
            raise TimeoutError(f"{count - len(lines)} records did not come")
        return {"records": [parse(line) for line in lines]}


def flags(name, properties):
    return [word for key, value in properties.items() for word in (name, f"{key}={value}")]


def line(record):
    """A record as the console producer reads it: headers, key and value with tabs between."""
    headers = ",".join(f"{name}:{text(value)}" for name, value in record["headers"]) or NULL
    return f"{headers}\t{text(record['key'])}\t{text(record['value'])}\n"


def text(content):
    return NULL if content is None else content.decode()


def parse(line):
    """A record as the console consumer prints it, such as CreateTime:1700000000000, Offset:3, a:1,b:2, key, value."""
    timestamp, offset, headers, key, value = line.split("\t")
    pairs = [] if headers == "NO_HEADERS" else [header.split(":", 1) for header in headers.split(",")]
    return adapter.encode_record(int(offset.split(":")[1]), int(timestamp.split(":")[1]), content(key), content(value),
                                 [(name, content(value)) for name, value in pairs])


def content(text):
    return None if text == NULL else text.encode()


adapter.serve(ConsoleTools(sys.argv[1]))
