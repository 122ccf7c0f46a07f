// The commands whose calls KafkaJS has, and a client that is made like it has too.
'use strict';

const { Unsupported, bytes } = require('./common');

// Headers as an object: a name with an array of its values.
function headersObject(pairs) {
    const headers = {};
    for (const [name, value] of pairs) {
        if (value === null) {
            throw new Unsupported('it sends no null header');
        }
        headers[name] = [...(headers[name] ?? []), bytes(value)];
    }
    return headers;
}

// `member` has the consumer and the share of the group that this process is in.
function commandsLikeKafkaJS(admin, member) {
    return {
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

        async list_offsets({ topic, partition, at }) {
            const offsets = Number.isInteger(at)
                ? await admin.fetchTopicOffsetsByTimestamp(topic, at)
                : await admin.fetchTopicOffsets(topic);
            const found = offsets.find((offset) => offset.partition === partition);
            return { offset: Number({ earliest: found.low, latest: found.high }[at] ?? found.offset) };
        },

        async delete_records({ topic, partition, before }) {
            await admin.deleteTopicRecords({ topic, partitions: [{ partition, offset: String(before) }] });
        },

        async group_seek({ partition, offset }) {
            member.share.forget(partition);
            member.consumer.seek({ topic: member.share.topic, partition, offset: String(offset) });
        },

        async group_pause({ places: partitions }) {
            member.consumer.pause([{ topic: member.share.topic, partitions }]);
        },

        async group_resume({ places: partitions }) {
            member.consumer.resume([{ topic: member.share.topic, partitions }]);
        },

        async group_leave() {
            await member.consumer.disconnect();
        },
    };
}

// `newProducer(id, timeoutMs)` has that transactional id; `sendOffsets(transaction, topics)` makes the offsets of the member's
// group part of the transaction.
function transactLikeKafkaJS(member, newProducer, sendOffsets) {
    const transactional = new Map(); // by transactional id: its producer, and its open transaction or null

    async function begin(id, timeoutMs) {
        const held = { producer: newProducer(id, timeoutMs), transaction: null };
        await held.producer.connect();
        transactional.set(id, held);
        return held;
    }

    return async ({ topic, partition, id, records, end, timeout_ms: timeoutMs, consumed }) => {
        try {
            const held = transactional.get(id) ?? (await begin(id, timeoutMs));
            held.transaction ??= await held.producer.transaction();
            const messages = records.map(({ key, value }) => ({ partition, key: bytes(key), value: bytes(value) }));
            if (messages.length) {
                await held.transaction.send({ topic, messages });
            }
            if (consumed) {
                const read = [...member.share.positions];
                const partitions = read.map(([place, offset]) => ({ partition: place, offset: String(offset) }));
                await sendOffsets(held.transaction, [{ topic: member.share.topic, partitions }]);
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
    };
}

module.exports = { commandsLikeKafkaJS, headersObject, transactLikeKafkaJS };
