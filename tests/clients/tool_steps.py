"""The steps of tests/clients/tools: what is run against both brokers, in order."""
import json
from dataclasses import dataclass, field

OPTIONS = ["group.initial.rebalance.delay.ms=0", "offsets.topic.num.partitions=1", "transaction.state.log.num.partitions=1"]

# Steps that print something else, and why. One that comes to print the same is a failure, until it goes from here.
DIFFERENT = {
    "topics-alter-fewer": "the words of the error",
    "configs-topic-invalid": "the words of the error",
}

GROUP = ("FindCoordinator", "JoinGroup", "SyncGroup", "Heartbeat", "OffsetCommit", "OffsetFetch", "LeaveGroup")
SPEED = [(r"\d+\.\d+", "N"), (r"\b\d+(?= ms)", "N")]


@dataclass
class Step:
    """One run of a tool. `changes`: the state of the broker, so that later steps need it. `needs`: requests that the broker
    has to serve. `until`: it is run again until it prints this. `replace`: (pattern, text) that cannot be equal. `sorted`:
    the order of lines is not defined. `background`: it stays running."""
    name: str
    tool: str
    arguments: list
    changes: bool = False
    needs: tuple = ()
    until: str = ""
    replace: list = field(default_factory=list)
    sorted: bool = False
    background: bool = False
    stdin: str = ""
    files: dict = field(default_factory=dict)


def step(name, tool, arguments, **more):
    return Step(name, tool, ["--bootstrap-server", "{bootstrap}", *arguments.split()], **more)


def offsets_file(*offsets):
    partitions = [{"topic": topic, "partition": partition, "offset": offset} for topic, partition, offset in offsets]
    return json.dumps({"version": 1, "partitions": partitions})


def moves_file(topic, partition):
    return json.dumps({"version": 1, "partitions": [
        {"topic": topic, "partition": partition, "replicas": [1], "log_dirs": ["any"]}]})


NUMBERS = "".join(f"key-{number}\tvalue-{number}\n" for number in range(20))
ELECT = "org.apache.kafka.tools.LeaderElectionCommand"
MOVE = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand"
METRICS = "org.apache.kafka.tools.ClientMetricsCommand"
ROUND_TRIP = "org.apache.kafka.tools.EndToEndLatency"
VERIFIABLE_CONSUMER = "org.apache.kafka.tools.VerifiableConsumer"

STEPS = [
    # topics
    step("topics-create", "topics", "--create --topic one --partitions 3 --config retention.ms=3600000", changes=True),
    step("topics-create-again", "topics", "--create --topic one"),
    step("topics-create-if-not-exists", "topics", "--create --topic one --if-not-exists"),
    step("topics-create-invalid", "topics", "--create --topic two --config retention.ms=soon"),
    step("topics-create-compacted", "topics", "--create --topic two --config cleanup.policy=compact", changes=True),
    step("topics-list", "topics", "--list"),
    step("topics-describe", "topics", "--describe --topic one", until="Partition: 2"),
    step("topics-describe-all", "topics", "--describe --exclude-internal"),
    step("topics-describe-overrides", "topics", "--describe --topics-with-overrides"),
    step("topics-describe-unavailable", "topics", "--describe --unavailable-partitions"),
    step("topics-describe-unknown", "topics", "--describe --topic none"),
    step("topics-alter", "topics", "--alter --topic two --partitions 2", changes=True),
    step("topics-alter-fewer", "topics", "--alter --topic two --partitions 1"),
    # records
    step("producer", "console-producer", "--topic one --reader-property parse.key=true", stdin=NUMBERS, changes=True),
    step("producer-compressed", "console-producer", "--topic two --compression-codec zstd --reader-property parse.key=true "
         "--command-property linger.ms=20", stdin=NUMBERS, changes=True),
    step("consumer-partition", "console-consumer", "--topic two --partition 0 --offset 2 --max-messages 3 --timeout-ms 20000 "
         "--formatter-property print.key=true --formatter-property print.offset=true"),
    step("get-offsets", "get-offsets", "--topic one"),
    step("get-offsets-earliest", "get-offsets", "--topic two --time earliest"),
    step("get-offsets-max-timestamp", "get-offsets", "--topic two --time max-timestamp", replace=[(r"(?m):\d+$", ":N")]),
    step("get-offsets-at", "get-offsets", "--topic one --time 1000"),
    step("get-offsets-unknown", "get-offsets", "--topic none"),
    step("delete-records", "delete-records", "--offset-json-file {folder}/delete.json", changes=True, sorted=True,
         files={"delete.json": offsets_file(("one", 0, 1), ("two", 0, 4))}),
    step("delete-records-beyond", "delete-records", "--offset-json-file {folder}/beyond.json",
         files={"beyond.json": offsets_file(("one", 0, 1000))}),
    step("get-offsets-after-delete", "get-offsets", "--time earliest --topic-partitions one:0,two:0"),
    step("log-dirs", "log-dirs", "--describe --topic-list one,two", replace=[(r'"size":\d+', '"size":N')]),
    # configs
    step("configs-topic", "configs", "--entity-type topics --entity-name one --describe"),
    step("configs-topic-all", "configs", "--entity-type topics --entity-name one --describe --all"),
    step("configs-topic-alter", "configs", "--entity-type topics --entity-name one --alter --add-config segment.bytes=2000000",
         changes=True),
    step("configs-topic-invalid", "configs", "--entity-type topics --entity-name one --alter --add-config segment.bytes=many"),
    step("configs-topic-unknown", "configs", "--entity-type topics --entity-name one --alter --add-config no.such=1"),
    step("configs-topic-delete", "configs", "--entity-type topics --entity-name one --alter --delete-config retention.ms",
         changes=True),
    step("configs-topic-altered", "configs", "--entity-type topics --entity-name one --describe"),
    step("configs-broker-alter", "configs", "--entity-type brokers --entity-default --alter --add-config "
         "log.cleaner.threads=2", changes=True),
    step("configs-broker-default", "configs", "--entity-type brokers --entity-default --describe"),
    step("configs-broker", "configs", "--entity-type brokers --entity-name 1 --describe"),
    step("configs-topics-all", "configs", "--entity-type topics --describe", needs=("ListConfigResources",)),
    step("configs-users", "configs", "--entity-type users --describe", needs=("DescribeClientQuotas",)),
    step("configs-clients-alter", "configs", "--entity-type clients --entity-name c --alter --add-config "
         "producer_byte_rate=1000000", needs=("AlterClientQuotas",), changes=True),
    step("configs-clients", "configs", "--entity-type clients --describe", needs=("DescribeClientQuotas",)),
    step("configs-groups", "configs", "--entity-type groups --describe", needs=("ListConfigResources",)),
    # groups
    step("consumer-group", "console-consumer", "--topic one --group g --from-beginning --max-messages 10 --timeout-ms 20000",
         needs=GROUP, changes=True, sorted=True),
    step("consumer-group-rest", "console-consumer", "--topic one --group g --max-messages 9 --timeout-ms 20000",
         needs=GROUP, changes=True, sorted=True, replace=[(r"value-\d+", "value")]),
    step("groups-list", "consumer-groups", "--list", needs=("ListGroups",)),
    step("groups-list-state", "consumer-groups", "--list --state", needs=("ListGroups",)),
    step("groups-groups", "groups", "--list", needs=("ListGroups",)),
    step("groups-describe", "consumer-groups", "--describe --group g", needs=("DescribeGroups", *GROUP)),
    step("groups-describe-state", "consumer-groups", "--describe --group g --state", needs=("DescribeGroups", *GROUP)),
    step("groups-describe-members", "consumer-groups", "--describe --group g --members", needs=("DescribeGroups", *GROUP)),
    step("groups-describe-unknown", "consumer-groups", "--describe --group none", needs=("DescribeGroups", *GROUP)),
    step("groups-reset-dry", "consumer-groups", "--reset-offsets --group g --topic one --to-earliest --dry-run", needs=GROUP),
    step("groups-reset", "consumer-groups", "--reset-offsets --group g --topic one:0,1 --shift-by -1 --execute", needs=GROUP,
         changes=True),
    step("groups-reset-export", "consumer-groups", "--reset-offsets --group g --all-topics --to-latest --export --dry-run",
         needs=GROUP),
    step("groups-reset-new", "consumer-groups", "--reset-offsets --group new --topic two --to-offset 5 --execute",
         needs=GROUP, changes=True),
    step("groups-describe-after", "consumer-groups", "--describe --all-groups --offsets", needs=("DescribeGroups", *GROUP)),
    step("groups-delete-offsets", "consumer-groups", "--delete-offsets --group new --topic two:0",
         needs=("OffsetDelete", *GROUP), changes=True),
    step("groups-live", "console-consumer", "--topic one --group live", needs=GROUP, changes=True, background=True),
    step("groups-live-members", "consumer-groups", "--describe --group live --members --verbose", until=r"one\(0,1,2\)|one: ",
         needs=("DescribeGroups", *GROUP)),
    step("groups-live-state", "consumer-groups", "--describe --group live --state --verbose", until="Stable",
         needs=("DescribeGroups", *GROUP)),
    step("groups-live-describe", "consumer-groups", "--describe --group live", needs=("DescribeGroups", *GROUP)),
    step("groups-live-reset", "consumer-groups", "--reset-offsets --group live --topic one --to-earliest --execute",
         needs=GROUP),
    step("groups-live-delete", "consumer-groups", "--delete --group live", needs=("DeleteGroups", *GROUP)),
    step("groups-delete", "consumer-groups", "--delete --group new", needs=("DeleteGroups", *GROUP), changes=True),
    step("groups-delete-unknown", "consumer-groups", "--delete --group none", needs=("DeleteGroups", *GROUP)),
    step("groups-verifiable-consumer", VERIFIABLE_CONSUMER, "--topic one --group-id v --max-messages 5 "
         "--reset-policy earliest", needs=GROUP, changes=True, sorted=True,
         replace=[(r'"(count|minOffset|maxOffset)":\d+', r'"\1":N'), (r"TIME", "T")]),
    # the broker
    step("broker-api-versions", "broker-api-versions", "", replace=[(r"(?s).*(HOST:PORT \(id: 1 rack: null isFenced: false\)).*",
                                                                     r"\1")]),
    step("cluster-id", "cluster", "cluster-id"),
    step("cluster-endpoints", "cluster", "list-endpoints"),
    step("cluster-unregister", "cluster", "unregister --id 7", needs=("UnregisterBroker",)),
    step("features", "features", "describe", sorted=True, replace=[(r"(?m)^.*Epoch: \d+", "Epoch")],
         needs=("UpdateFeatures",)),
    step("quorum-status", "metadata-quorum", "describe --status", needs=("DescribeQuorum",),
         replace=[(r"(?m)^(\w+):\s+.*\d+.*$", r"\1: N")]),
    step("quorum-replication", "metadata-quorum", "describe --replication", needs=("DescribeQuorum",),
         replace=[(r"\d+", "N")]),
    step("elect-leaders", ELECT, "--election-type preferred --topic one --partition 0", needs=("ElectLeaders",)),
    step("elect-leaders-all", ELECT, "--election-type unclean --all-topic-partitions", needs=("ElectLeaders",), sorted=True),
    step("reassign-list", MOVE, "--list", needs=("ListPartitionReassignments",)),
    step("reassign-execute", MOVE, "--execute --reassignment-json-file {folder}/move.json",
         files={"move.json": moves_file("one", 0)}, needs=("AlterPartitionReassignments", "ListPartitionReassignments"),
         changes=True),
    step("reassign-verify", MOVE, "--verify --reassignment-json-file {folder}/move.json",
         needs=("ListPartitionReassignments",)),
    step("client-metrics", METRICS, "--alter --name m --interval 1000 --metrics org.apache.kafka.producer.",
         needs=("GetTelemetrySubscriptions",), changes=True),
    step("client-metrics-list", METRICS, "--list", needs=("ListConfigResources",)),
    # transactions
    step("transactions-list", "transactions", "list", needs=("ListTransactions",)),
    step("transactions-producers", "transactions", "describe-producers --topic one --partition 0",
         needs=("DescribeProducers",)),
    step("transactions-hanging", "transactions", "find-hanging --topic one --partition 0",
         needs=("DescribeProducers", "ListTransactions")),
    # speed
    Step("producer-perf", "producer-perf-test", ["--topic", "two", "--num-records", "1000", "--record-size", "100",
         "--throughput", "-1", "--command-property", "bootstrap.servers={bootstrap}"], changes=True,
         replace=[*SPEED, (r"N records/sec", "N")]),
    step("consumer-perf", "consumer-perf-test", "--topic two --num-records 500 --timeout 20000 --from-latest false"
         .replace(" --from-latest false", ""), needs=GROUP, replace=[(r"(?m)^TIME.*$", "N"), (r"\d+", "N")]),
    step("end-to-end-latency", ROUND_TRIP, "--topic two --num-records 20 --acks all --record-size 100", needs=GROUP,
         replace=[(r"\d+(\.\d+)?", "N"), (r"(N\t?)+", "N")]),
    step("verifiable-producer", "verifiable-producer", "--topic two --max-messages 5", changes=True, sorted=True,
         replace=[(r'"(offset|partition|throughput|target_throughput|avg_throughput)":-?[\d.]+', r'"\1":N')]),
    # the end
    step("topics-delete", "topics", "--delete --topic two", changes=True),
    step("topics-delete-again", "topics", "--delete --topic two"),
    step("topics-list-after", "topics", "--list --exclude-internal"),
]
