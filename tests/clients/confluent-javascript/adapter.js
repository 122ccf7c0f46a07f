// @confluentinc/kafka-javascript, Confluent's client for Node over librdkafka: the calls that it has like KafkaJS, and for a
// single partition those that it has like node-rdkafka.
'use strict';

const rdkafka = require('@confluentinc/kafka-javascript');
const { HEARTBEAT_MS, Share, Unsupported, base64, bytes, serve, sleep } = require('./common');
const { commandsLikeKafkaJS, headersObject, transactLikeKafkaJS } = require('./like-kafkajs');

const { Kafka, logLevel } = rdkafka.KafkaJS;
const TIMEOUT_MS = 30000;
const MAX_MESSAGE_BYTES = 12000000;
const bootstrap = process.argv[2];
const kafka = new Kafka({ kafkaJS: { brokers: [bootstrap], logLevel: logLevel.NOTHING } });
const admin = kafka.admin();
const member = {}; // consumer and share of the group that this process is in

const commands = {
    ...commandsLikeKafkaJS(admin, member),

    transact: transactLikeKafkaJS(
        member,
        (transactionalId, transactionTimeout) => kafka.producer({ kafkaJS: { transactionalId, transactionTimeout } }),
        (transaction, topics) => transaction.sendOffsets({ consumer: member.consumer, topics })),

    async describe_topic({ topic }) {
        const [{ partitions }] = await admin.fetchTopicMetadata({ topics: [topic] });
        return { leaders: partitions.sort((a, b) => a.partitionId - b.partitionId).map(({ leader }) => leader) };
    },

    async produce({ topic, partition, codec, acks, idempotent, records }) {
        const producer = kafka.producer({
            'compression.type': codec,
            'linger.ms': 20,
            'message.max.bytes': MAX_MESSAGE_BYTES,
            'enable.idempotence': idempotent,
            kafkaJS: { acks: { 0: 0, 1: 1, all: -1 }[acks] },
        });
        await producer.connect();
        try {
            const where = partition === null ? {} : { partition };
            const messages = records.map(({ key, value, headers }) => ({
                ...where,
                key: bytes(key),
                value: bytes(value),
                headers: headersObject(headers),
            }));
            await producer.send({ topic, messages });
        } finally {
            await producer.disconnect();
        }
        return { hash: 'murmur2' };
    },

    async fetch({ topic, partition, start, count, committed }) {
        const reader = new rdkafka.KafkaConsumer(
            {
                'bootstrap.servers': bootstrap,
                'group.id': 'none',
                'enable.auto.commit': false,
                'isolation.level': committed ? 'read_committed' : 'read_uncommitted',
            }, {});
        await new Promise((resolve, reject) => reader.connect({}, (error) => (error ? reject(error) : resolve())));
        const offset = { earliest: -2, latest: -1 }[start] ?? start;
        reader.setDefaultConsumeTimeout(HEARTBEAT_MS);
        reader.assign([{ topic, partition, offset }]);
        const until = Date.now() + TIMEOUT_MS;
        const records = [];
        try {
            while (records.length < count) {
                if (Date.now() > until) {
                    throw new Error(`${count - records.length} records did not come`);
                }
                const messages = await new Promise((resolve, reject) =>
                    reader.consume(count - records.length, (error, some) => (error ? reject(error) : resolve(some))));
                for (const message of messages) {
                    const headers = (message.headers ?? []).flatMap((header) =>
                        Object.entries(header).map(([name, value]) => [name, base64(value)]));
                    const { offset, timestamp } = message;
                    records.push({ offset, timestamp, key: base64(message.key), value: base64(message.value), headers });
                }
            }
        } finally {
            await new Promise((resolve) => reader.disconnect(resolve));
        }
        return { records };
    },

    async group_join({ group, topic, instance, assignor, session_ms: sessionTimeout }) {
        if (assignor === 'sticky') {
            throw new Unsupported('librdkafka has no eager sticky assignor');
        }
        member.share = new Share(topic);
        member.consumer = kafka.consumer({
            ...(instance === null ? {} : { 'group.instance.id': instance }),
            ...(assignor === null ? {} : { 'partition.assignment.strategy': assignor }),
            kafkaJS: {
                groupId: group,
                sessionTimeout,
                heartbeatInterval: HEARTBEAT_MS,
                fromBeginning: true,
                autoCommit: false,
            },
        });
        await member.consumer.connect();
        await member.consumer.subscribe({ topics: [topic] });
        await member.consumer.run({
            eachMessage: async ({ partition, message }) => member.share.push(partition, message.offset, message.value),
        });
    },

    async group_poll({ ms }) {
        await sleep(ms);
        const assigned = member.consumer.assignment().map(({ partition }) => partition);
        if (String(assigned.sort()) !== String(member.share.assigned)) {
            member.share.assign(assigned);
        }
        return member.share.polled(0);
    },

    async group_commit({ how }) {
        if (how === 'async') {
            throw new Unsupported('a commit is awaited');
        }
        const places = member.share.takePositions();
        if (places.length) {
            await member.consumer.commitOffsets(places.map((place) => ({ ...place, offset: String(place.offset) })));
        }
    },

    async group_committed({ places }) {
        const asked = places.map((partition) => ({ topic: member.share.topic, partition }));
        const committed = await member.consumer.committed(asked, TIMEOUT_MS);
        return { offsets: Object.fromEntries(committed.map(({ partition, offset }) => [partition, Number(offset ?? -1)])) };
    },

    async list_groups() {
        return { groups: (await admin.listGroups()).groups.map(({ groupId }) => groupId) };
    },

    async describe_group({ group }) {
        const [described] = (await admin.describeGroups([group])).groups;
        const state = Object.entries(rdkafka.KafkaJS.ConsumerGroupStates).find(([, code]) => code === described.state)[0];
        const members = described.members.map(({ assignment }) => ({
            partitions: assignment.topicPartitions.map(({ partition }) => partition),
        }));
        return { state: state[0] + state.slice(1).toLowerCase(), members };
    },

    async delete_group({ group }) {
        const [{ error }] = await admin.deleteGroups([group]);
        if (error) {
            throw error;
        }
    },

    async group_offsets({ group, topic }) {
        const [found] = await admin.fetchOffsets({ groupId: group, topics: [topic] });
        const offsets = (found?.partitions ?? []).map(({ partition, offset }) => [partition, Number(offset ?? -1)]);
        return { offsets: Object.fromEntries(offsets) };
    },
};

async function main() {
    await admin.connect();
    await serve(commands);
}

main();
