"""The few bytes of Kafka's protocol that a launcher needs: is a broker ready, and which APIs does it offer?

Written apart from dohle's own codec on purpose: tests that start a broker must not depend on what they test.
"""
import socket
import struct

METADATA, API_VERSIONS = 3, 18

API_NAMES = """Produce Fetch ListOffsets Metadata LeaderAndIsr StopReplica UpdateMetadata ControlledShutdown OffsetCommit
OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup SyncGroup DescribeGroups ListGroups SaslHandshake ApiVersions
CreateTopics DeleteTopics DeleteRecords InitProducerId OffsetForLeaderEpoch AddPartitionsToTxn AddOffsetsToTxn EndTxn
WriteTxnMarkers TxnOffsetCommit DescribeAcls CreateAcls DeleteAcls DescribeConfigs AlterConfigs AlterReplicaLogDirs
DescribeLogDirs SaslAuthenticate CreatePartitions CreateDelegationToken RenewDelegationToken ExpireDelegationToken
DescribeDelegationToken DeleteGroups ElectLeaders IncrementalAlterConfigs AlterPartitionReassignments
ListPartitionReassignments OffsetDelete DescribeClientQuotas AlterClientQuotas DescribeUserScramCredentials
AlterUserScramCredentials Vote BeginQuorumEpoch EndQuorumEpoch DescribeQuorum AlterPartition UpdateFeatures Envelope
FetchSnapshot DescribeCluster DescribeProducers BrokerRegistration BrokerHeartbeat UnregisterBroker DescribeTransactions
ListTransactions AllocateProducerIds ConsumerGroupHeartbeat ConsumerGroupDescribe ControllerRegistration
GetTelemetrySubscriptions PushTelemetry AssignReplicasToDirs ListConfigResources DescribeTopicPartitions
ShareGroupHeartbeat ShareGroupDescribe ShareFetch ShareAcknowledge AddRaftVoter RemoveRaftVoter UpdateRaftVoter
InitializeShareGroupState ReadShareGroupState WriteShareGroupState DeleteShareGroupState ReadShareGroupStateSummary
StreamsGroupHeartbeat StreamsGroupDescribe DescribeShareGroupOffsets AlterShareGroupOffsets DeleteShareGroupOffsets
StreamsGroupTopologyDescriptionUpdate UnregisterController""".split()


class Reader:
    """Takes values from the front of an answer; ValueError when it is too short."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size):
        if not 0 <= size <= len(self.data) - self.at:
            raise ValueError("short answer")
        self.at += size
        return self.data[self.at - size:self.at]

    def number(self, code):
        return struct.unpack(">" + code, self.take(struct.calcsize(code)))[0]

    def varint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def string(self):
        return self.take(max(0, self.number("h"))).decode()

    def tagged_fields(self):
        return {self.varint(): self.take(self.varint()) for _ in range(self.varint())}


def ask(address, api_key, version, body, flexible, timeout_s=5.0):
    """Send one request to HOST:PORT and return a Reader of the answer's body."""
    host, port = address.rsplit(":", 1)
    header = struct.pack(">hhih5s", api_key, version, 1, 5, b"probe") + (b"\0" if flexible else b"")
    with socket.create_connection((host.strip("[]"), int(port)), timeout_s) as connection:
        connection.sendall(struct.pack(">i", len(header + body)) + header + body)
        stream = connection.makefile("rb")
        size = stream.read(4)
        if len(size) < 4:
            raise ValueError("connection closed")
        return Reader(stream.read(struct.unpack(">i", size)[0])[4:])


def is_ready(address):
    """True once Metadata names a live broker and a controller."""
    try:
        answer = ask(address, METADATA, 1, struct.pack(">i", 0), flexible=False)
        brokers = answer.number("i")
        for _ in range(brokers):
            answer.number("i"), answer.string(), answer.number("i"), answer.string()
        return brokers > 0 and answer.number("i") >= 0
    except (OSError, ValueError, struct.error):
        return False


def features(data):
    """The rows (name, first level, second level) of a features field of ApiVersions."""
    reader = Reader(data)
    for _ in range(reader.varint() - 1):
        name = reader.take(reader.varint() - 1).decode()
        levels = reader.number("h"), reader.number("h")
        reader.tagged_fields()
        yield (name, *levels)


def describe_versions(address):
    """The ApiVersions answer of a broker as lines of text that two brokers can be compared by."""
    answer = ask(address, API_VERSIONS, 4, b"\x06probe\x021\0", flexible=True)
    apis, tagged = [], {}
    if answer.number("h"):  # an error comes in version 0
        apis = [(answer.number("h"), answer.number("h"), answer.number("h")) for _ in range(answer.number("i"))]
    else:
        for _ in range(answer.varint() - 1):
            apis.append((answer.number("h"), answer.number("h"), answer.number("h")))
            answer.tagged_fields()
        answer.number("i")  # throttle time
        tagged = answer.tagged_fields()
    yield "# key name min max"
    for key, low, high in sorted(apis):
        yield f"{key} {API_NAMES[key] if key < len(API_NAMES) else '?'} {low} {high}"
    yield "# supported features: name min max"
    for name, low, high in sorted(features(tagged.get(0, b"\1"))):
        yield f"{name} {low} {high}"
    yield "# finalized features: name level"
    for name, high, _low in sorted(features(tagged.get(2, b"\1"))):
        yield f"{name} {high}"
