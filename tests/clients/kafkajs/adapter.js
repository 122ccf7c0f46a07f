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
const transactional = new Map(); // by transactional id: its producer, and its open transaction or null
let consumer, groupId, share; // of the group that this process is a member of

// KafkaJS takes and gives headers as an object: a name with one value or an array of them.
function headersObject(pairs) {
    const headers = {};
    for (const [name, value] of pairs) {
        if (value === null) {
            throw new Unsupported('KafkaJS sends no null header');
        }
        headers[name] = [...(headers[name] ?? []), bytes(value)];
    }
    return headers;
}

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

const commands = {
    async create_topic({ topic, partitions, configs }) {
        const configEntries = Object.entries(configs).map(([name, value]) => ({ name, value }));
        const created = await admin.createTopics({
            topics: [{ topic, numPartitions: partitions, replicationFactor: 1, configEntries }],
        });
        if (!created) {
            throw new Error(`${topic} exists`);
        }
    },

    async delete_topic({ topic }) {
        await admin.deleteTopics({ topics: [topic] });
    },

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

    async list_offsets({ topic, partition, at }) {
        const offsets = Number.isInteger(at)
            ? await admin.fetchTopicOffsetsByTimestamp(topic, at)
            : await admin.fetchTopicOffsets(topic);
        const place = offsets.find((offset) => offset.partition === partition);
        return { offset: Number({ earliest: place.low, latest: place.high }[at] ?? place.offset) };
    },

    async delete_records({ topic, partition, before }) {
        await admin.fetchTopicOffsets(topic); // or it does not find the leader of a topic that it has not met
        await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
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

    async transact({ topic, partition, id, records, end, timeout_ms: transactionTimeout, consumed }) {
        const held = transactional.get(id) ?? { transaction: null };
        try {
            if (!held.producer) {
                const createPartitioner = () => () => partition;
                held.producer = kafka.producer({
                    transactionalId: id, transactionTimeout, maxInFlightRequests: 1, idempotent: true, createPartitioner,
                });
                await held.producer.connect();
                transactional.set(id, held);
            }
            held.transaction ??= await held.producer.transaction();
            const messages = records.map((record) => ({ key: bytes(record.key), value: bytes(record.value) }));
            if (messages.length) {
                await held.transaction.send({ topic, messages });
            }
            if (consumed) {
                const partitions = [...share.positions].map(([read, offset]) => ({ partition: read, offset: String(offset) }));
                await held.transaction.sendOffsets({ consumerGroupId: groupId, topics: [{ topic: share.topic, partitions }] });
            }
            if (end) {
                const transaction = held.transaction;
                held.transaction = null;
                await transaction[end]();
            }
        } catch (error) {
            transactional.delete(id);
            throw error;
        }
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
        share = new Share(topic);
        groupId = group;
        consumer = kafka.consumer({
            groupId,
            sessionTimeout,
            heartbeatInterval: HEARTBEAT_MS,
            maxWaitTimeInMs: HEARTBEAT_MS,
            partitionAssigners: [PartitionAssigners.roundRobin],
        });
        consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => share.assign(payload.memberAssignment[topic] ?? []));
        await consumer.connect();
        await consumer.subscribe({ topic, fromBeginning: true });
        const eachMessage = async ({ partition, message }) => share.push(partition, message.offset, message.value);
        await consumer.run({ autoCommit: false, eachMessage });
    },

    async group_poll({ ms }) {
        return share.polled(ms);
    },

    async group_commit({ how }) {
        if (how === 'async') {
            throw new Unsupported('a commit of KafkaJS is awaited');
        }
        await consumer.commitOffsets(share.takePositions().map((place) => ({ ...place, offset: String(place.offset) })));
    },

    async group_committed() {
        return this.group_offsets({ group: groupId, topic: share.topic });
    },

    async group_seek({ partition, offset }) {
        share.forget(partition);
        consumer.seek({ topic: share.topic, partition, offset: String(offset) });
    },

    async group_pause({ places: partitions }) {
        consumer.pause([{ topic: share.topic, partitions }]);
    },

    async group_resume({ places: partitions }) {
        consumer.resume([{ topic: share.topic, partitions }]);
    },

    async group_leave() {
        await consumer.disconnect();
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
