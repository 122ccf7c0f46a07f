// KafkaJS. See README.md of tests/clients for the commands.
//
// Its consumer always joins a group. A single partition is read the way that consumer does it inside, by a Fetch request
// through KafkaJS's own connection and decoder, so that these are tested without any group.
'use strict';

const net = require('node:net');
const readline = require('node:readline');
const { CompressionCodecs, CompressionTypes, ConfigResourceTypes, Kafka, logLevel } = require('kafkajs');
const Cluster = require('kafkajs/src/cluster');
const createLogger = require('kafkajs/src/loggers').createLogger;
const LoggerConsole = require('kafkajs/src/loggers/console');
const SnappyCodec = require('kafkajs-snappy');
const lz4 = require('lz4-napi');
const { ZstdCodec } = require('zstd-codec');

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

class Unsupported extends Error {}

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

function bytes(text) {
    return text === null ? null : Buffer.from(text, 'base64');
}

function base64(buffer) {
    return buffer === null ? null : buffer.toString('base64');
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

async function fetchOnce(cluster, topic, partition, offset) {
    await cluster.addTargetTopic(topic);
    const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]));
    const broker = await cluster.findBroker({ nodeId });
    const answer = await broker.fetch({
        maxWaitTime: 1000,
        topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes: 1 << 20 }] }],
    });
    return answer.responses[0].partitions[0].messages;
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
        const producer = kafka.producer({ idempotent, createPartitioner: () => () => partition });
        await producer.connect();
        try {
            await producer.send({
                topic,
                acks: ACKS[acks],
                compression: CODECS[codec],
                messages: records.map((record) => ({
                    partition,
                    key: bytes(record.key),
                    value: bytes(record.value),
                    headers: headersObject(record.headers),
                })),
            });
        } finally {
            await producer.disconnect();
        }
    },

    async fetch({ topic, partition, start, count }) {
        let offset = typeof start === 'number' ? start : (await this.list_offsets({ topic, partition, at: start })).offset;
        const cluster = await newCluster();
        const until = Date.now() + TIMEOUT_MS;
        const records = [];
        try {
            while (records.length < count) {
                if (Date.now() > until) {
                    throw new Error(`${count - records.length} records did not come`);
                }
                const messages = await fetchOnce(cluster, topic, partition, offset);
                for (const message of messages.filter((message) => Number(message.offset) >= offset)) {
                    records.push({
                        offset: Number(message.offset),
                        timestamp: Number(message.timestamp),
                        key: base64(message.key),
                        value: base64(message.value),
                        headers: headerPairs(message.headers),
                    });
                }
                offset = records.length ? records[records.length - 1].offset + 1 : offset;
            }
        } finally {
            await cluster.disconnect();
        }
        return { records: records.slice(0, count) };
    },
};

async function answer(line) {
    const { do: name, ...fields } = JSON.parse(line);
    try {
        if (!commands[name]) {
            throw new Unsupported('the client has no such call');
        }
        return { result: (await commands[name](fields)) ?? {} };
    } catch (error) {
        return error instanceof Unsupported ? { unsupported: error.message } : { error: String(error) };
    }
}

async function main() {
    await admin.connect();
    for await (const line of readline.createInterface({ input: process.stdin })) {
        console.log(JSON.stringify(await answer(line)));
    }
    process.exit(0);
}

main();
