// KafkaJS. See README.md of tests/clients for the commands.
//
// Its consumer always joins a group. A single partition is read the way that consumer does it inside, by a Fetch request
// through KafkaJS's own connection and decoder, so that these are tested without any group.
'use strict';

const net = require('node:net');
const { AssignerProtocol, CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, PartitionAssigners, Partitioners, logLevel } = require('kafkajs');
const Batch = require('kafkajs/src/consumer/batch');
const Cluster = require('kafkajs/src/cluster');
const createLogger = require('kafkajs/src/loggers').createLogger;
const LoggerConsole = require('kafkajs/src/loggers/console');
const SnappyCodec = require('kafkajs-snappy');
const lz4 = require('lz4-napi');
const { ZstdCodec } = require('zstd-codec');
const { HEARTBEAT_MS, Share, Unsupported, base64, bytes, serve } = require('./common');
const { commandsLikeKafkaJS, headersObject, transactLikeKafkaJS } = require('./like-kafkajs');

const TIMEOUT_MS = 30000;
const CODECS = {
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    snappy: CompressionTypes.Snappy,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD,
};
const ACKS = { 0: 0, 1: 1, all: -1 };
const SOURCE_TOPIC = 1; // of a setting: the topic's own value

CompressionCodecs[CompressionTypes.Snappy] = SnappyCodec;
CompressionCodecs[CompressionTypes.LZ4] = () => ({
    compress: (encoder) => lz4.compressFrame(encoder.buffer),
    decompress: (buffer) => lz4.decompressFrame(buffer),
});
const zstd = new Promise((resolve) => ZstdCodec.run((codec) => resolve(new codec.Simple())));
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async (encoder) => Buffer.from((await zstd).compress(encoder.buffer)),
    decompress: async (buffer) => Buffer.from((await zstd).decompress(buffer)),
});

const brokers = [process.argv[2]];
const kafka = new Kafka({ brokers, logLevel: logLevel.ERROR });
const admin = kafka.admin();
const member = {}; // consumer, group and share of the group that this process is in

function headerPairs(headers) {
    return Object.entries(headers).flatMap(([name, values]) => [values].flat().map((value) => [name, base64(value)]));
}

async function newCluster() {
    const cluster = new Cluster({
        brokers,
        clientId: 'dohle-test',
        connectionTimeout: TIMEOUT_MS,
        metadataMaxAge: TIMEOUT_MS,
        logger: createLogger({ level: logLevel.ERROR, logCreator: LoggerConsole }),
        socketFactory: ({ host, port, onConnect }) => net.connect(port, host, onConnect),
    });
    await cluster.connect();
    return cluster;
}

// The records of one answer, and the offset to go on at: behind those of aborted transactions too.
async function fetchOnce(cluster, topic, partition, offset, committed) {
    await cluster.addTargetTopic(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    const broker = await cluster.findBroker({ nodeId });
    const answer = await broker.fetch({
        maxWaitTime: 1000,
        isolationLevel: committed ? 1 : 0,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes: 1 << 20 }] }],
    });
    const batch = new Batch(topic, offset, answer.responses[0].partitions[0]);
    return { messages: batch.messages, next: batch.isEmptyIncludingFiltered() ? offset : Number(batch.lastOffset()) + 1 };
}

const likeKafkaJS = commandsLikeKafkaJS(admin, member);
const commands = {
    ...likeKafkaJS,

    transact: transactLikeKafkaJS(
        member,
        (transactionalId, transactionTimeout) =>
            kafka.producer({ transactionalId, transactionTimeout, maxInFlightRequests: 1, idempotent: true }),
        (transaction, topics) => transaction.sendOffsets({ consumerGroupId: member.group, topics })),

    async create_partitions({ topic, total }) {
        await admin.createPartitions({ topicPartitions: [{ topic, count: total }] });
    },

    async describe_topic({ topic }) {
        const metadata = await admin.fetchTopicMetadata({ topics: [topic] });
        const partitions = metadata.topics[0].partitions.sort((a, b) => a.partitionId - b.partitionId);
        return { leaders: partitions.map(({ leader }) => leader) };
    },

    async describe_configs({ topic }) {
        const answer = await admin.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: topic }] });
        const entries = answer.resources[0].configEntries;
        return { configs: Object.fromEntries(entries.map(({ configName, configValue }) => [configName, configValue])) };
    },

    // The older AlterConfigs, which replaces all settings: those that the topic has are sent along.
    async alter_config({ topic, name, value }) {
        const resource = { type: ConfigResourceTypes.TOPIC, name: topic };
        const answer = await admin.describeConfigs({ resources: [resource] });
        const configEntries = answer.resources[0].configEntries
            .filter(({ configName, configSource }) => configSource === SOURCE_TOPIC && configName !== name)
            .map(({ configName, configValue }) => ({ name: configName, value: configValue }));
        if (value !== null) {
            configEntries.push({ name, value });
        }
        await admin.alterConfigs({ validateOnly: false, resources: [{ ...resource, configEntries }] });
    },

    async delete_records({ topic, partition, before }) {
        await admin.fetchTopicOffsets(topic); // or it does not find the leader of a topic that it has not met
        await likeKafkaJS.delete_records({ topic, partition, before });
    },

    async produce({ topic, partition, codec, acks, idempotent, records }) {
        const createPartitioner = partition === null ? Partitioners.DefaultPartitioner : () => () => partition;
        const producer = kafka.producer({ idempotent, createPartitioner });
        await producer.connect();
        try {
            await producer.send({
                topic,
                acks: ACKS[acks],
                compression: CODECS[codec],
                messages: records.map((record) => ({
                    key: bytes(record.key),
                    value: bytes(record.value),
                    headers: headersObject(record.headers),
                })),
            });
        } finally {
            await producer.disconnect();
        }
        return { hash: 'murmur2' };
    },

    async fetch({ topic, partition, start, count, committed }) {
        let offset = typeof start === 'number' ? start : (await this.list_offsets({ topic, partition, at: start })).offset;
        const cluster = await newCluster();
        const until = Date.now() + TIMEOUT_MS;
        const records = [];
        try {
            while (records.length < count) {
                if (Date.now() > until) {
                    throw new Error(`${count - records.length} records did not come`);
                }
                const { messages, next } = await fetchOnce(cluster, topic, partition, offset, committed);
                for (const message of messages) {
                    records.push({
                        offset: Number(message.offset),
                        timestamp: Number(message.timestamp),
                        key: base64(message.key),
                        value: base64(message.value),
                        headers: headerPairs(message.headers),
                    });
                }
                offset = next;
            }
        } finally {
            await cluster.disconnect();
        }
        return { records: records.slice(0, count) };
    },

    async group_join({ group, topic, instance, assignor, session_ms: sessionTimeout }) {
        if (instance !== null) {
            throw new Unsupported('KafkaJS has no static members');
        }
        if (assignor !== null && assignor !== 'roundrobin') {
            throw new Unsupported(`KafkaJS has no ${assignor}`);
        }
        member.share = new Share(topic);
        member.group = group;
        member.consumer = kafka.consumer({
            groupId: group,
            sessionTimeout,
            heartbeatInterval: HEARTBEAT_MS,
            maxWaitTimeInMs: HEARTBEAT_MS,
            partitionAssigners: [PartitionAssigners.roundRobin],
        });
        member.consumer.on(member.consumer.events.GROUP_JOIN, ({ payload }) => member.share.assign(payload.memberAssignment[topic] ?? []));
        await member.consumer.connect();
        await member.consumer.subscribe({ topic, fromBeginning: true });
        const eachMessage = async ({ partition, message }) => member.share.push(partition, message.offset, message.value);
        await member.consumer.run({ autoCommit: false, eachMessage });
    },

    async group_poll({ ms }) {
        return member.share.polled(ms);
    },

    async group_commit({ how }) {
        if (how === 'async') {
            throw new Unsupported('a commit of KafkaJS is awaited');
        }
        await member.consumer.commitOffsets(member.share.takePositions().map((place) => ({ ...place, offset: String(place.offset) })));
    },

    async group_committed() {
        return this.group_offsets({ group: member.group, topic: member.share.topic });
    },

    async list_groups() {
        return { groups: (await admin.listGroups()).groups.map((group) => group.groupId) };
    },

    async describe_group({ group }) {
        const [{ state, members }] = (await admin.describeGroups([group])).groups;
        const describe = ({ memberAssignment }) => {
            const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment);
            return { partitions: Object.values(decoded.assignment).flat() };
        };
        return { state, members: members.map(describe) };
    },

    async delete_group({ group }) {
        await admin.deleteGroups([group]);
    },

    async group_offsets({ group, topic }) {
        const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        return { offsets: Object.fromEntries(partitions.map(({ partition, offset }) => [partition, Number(offset)])) };
    },

    async alter_group_offset({ group, topic, partition, offset }) {
        await admin.setOffsets({ groupId: group, topic, partitions: [{ partition, offset: String(offset) }] });
    },
};

async function main() {
    await admin.connect();
    await serve(commands);
}

main();
