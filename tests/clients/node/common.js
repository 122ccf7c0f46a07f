// The half of an adapter that is the same for every client in Node: command lines in, answers out. See README.md of
// tests/clients for the commands. `commands` has a function for each; it returns the result, throws Unsupported for what the
// client cannot do, anything else for a failure. Bytes are buffers here and base64 in JSON.
'use strict';

const readline = require('node:readline');

class Unsupported extends Error {}

function bytes(text) {
    return text === null ? null : Buffer.from(text, 'base64');
}

function base64(content) {
    return content === null || content === undefined ? null : Buffer.from(content).toString('base64');
}

async function answer(commands, line) {
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

async function serve(commands) {
    for await (const line of readline.createInterface({ input: process.stdin })) {
        console.log(JSON.stringify(await answer(commands, line)));
    }
    process.exit(0);
}

function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
}

// What a member of a group has, and the records that came and were not given out yet.
class Share {
    constructor(topic) {
        Object.assign(this, { topic, assigned: [], rebalances: 0, revoked: 0, queue: [], positions: new Map() });
    }

    // A rebalance ended. What waits of a partition that is gone belongs to another member now.
    assign(partitions) {
        const gone = this.assigned.filter((partition) => !partitions.includes(partition));
        this.assigned = partitions;
        this.rebalances++;
        this.revoked += gone.length;
        gone.forEach((partition) => this.forget(partition));
    }

    push(partition, offset, value) {
        this.queue.push([partition, Number(offset), String(value)]);
    }

    forget(partition) {
        this.queue = this.queue.filter((record) => record[0] !== partition);
        this.positions.delete(partition);
    }

    // The result of group_poll after so long.
    async polled(ms) {
        await sleep(ms);
        const records = this.queue;
        this.queue = [];
        for (const [partition, offset] of records) {
            this.positions.set(partition, offset + 1);
        }
        return { records, assigned: this.assigned, rebalances: this.rebalances, revoked: this.revoked };
    }

    // What is to be committed: {topic, partition, offset} of the partitions that gave something since the last time.
    takePositions() {
        const places = [...this.positions].map(([partition, offset]) => ({ topic: this.topic, partition, offset }));
        this.positions.clear();
        return places;
    }
}

const HEARTBEAT_MS = 300; // a member learns of a rebalance with its next heartbeat

module.exports = { HEARTBEAT_MS, Share, Unsupported, base64, bytes, serve, sleep };
