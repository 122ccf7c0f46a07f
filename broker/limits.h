/* What bounds the memory that peers can make us use, with the reasons. Kafka's own settings bound the rest. */
#ifndef DOHLE_BROKER_LIMITS_H
#define DOHLE_BROKER_LIMITS_H

#include <assert.h>
#include <stddef.h>

#define KIB(n) ((size_t)(n)*1024)
#define MIB(n) ((size_t)(n)*1024 * 1024)

/* What one read takes at most from a socket into the loop's shared buffer: many small requests, or the few batches of
 * 64 KiB that a producer has in flight, served in place. */
#define READ_BUFFER_BYTES KIB(256)
/* A connection of which one read brought so much may have as much room of its own for the frame that is not whole and
 * those behind it. */
#define STREAM_BYTES KIB(64)

/* What one read takes at most of a larger frame: half a millisecond, where memory is touched for the first time. */
#define FRAME_READ_BYTES KIB(512)
/* What one read takes when the turn has no time left: small requests, and of a large one so much that it is known. */
#define LATE_READ_BYTES KIB(16)
/* Connections that go on in a turn with what they had no time for. What they read costs time only in the next one,
 * which may put them off again, at a microsecond each. */
#define LATE_AT_ONCE 8

/* Frames that have not arrived whole or wait, of all connections together, unless queued.max.request.bytes says
 * otherwise. Two of the largest requests (socket.request.max.bytes, 100 MiB) fit; above it, the connections whose
 * frames stall longest are dropped. */
#define INPUT_BYTES_MAX MIB(256)
static_assert(INPUT_BYTES_MAX >= 2 * MIB(100), "two of the largest frames fit");

/* Input that is worth dropping a connection for; those with less go last. */
#define LARGE_INPUT_BYTES KIB(16)

/* A larger frame may be a request that takes long. */
#define LARGE_FRAME_BYTES KIB(16)

/* Buffers of finished frames, from the first of these sizes to the second, that are kept for the next ones: memory
 * touched for the first time costs triple. A frame of which SPARE_BUFFER_USE_BYTES have arrived may have one. */
#define SPARE_BUFFERS          4
#define SPARE_BUFFER_BYTES_MIN KIB(32)
#define SPARE_BUFFER_BYTES     MIB(2)
#define SPARE_BUFFER_USE_BYTES KIB(4)

/* Decoded body and answer of one request, and what it copies to wait: a produce request of socket.request.max.bytes. */
#define REQUEST_ARENA_BYTES_MAX MIB(128)
/* The decoded body of a request that is handled at once, in one turn: 2000 partitions of a fetch or 4000 names. A
 * larger one is handled in parts. */
#define BODY_AT_ONCE_BYTES_MAX KIB(128)
static_assert(BODY_AT_ONCE_BYTES_MAX < REQUEST_ARENA_BYTES_MAX, "there is room for the answer");
/* The same of one that is decoded in parts, but handled in one turn: its handler has not learned to do otherwise. */
#define REQUEST_BODY_BYTES_MAX MIB(4)
/* Of the one that is handled in parts: decoded body, what its answer is made of, and the answer. A frame of 100 MiB
 * whose array elements take 2 bytes on the wire could ask for gigabytes of structs. There is room for a million names,
 * as many as an array may have. */
#define REQUEST_IN_PARTS_BYTES_MAX MIB(256)
/* What the table of the names of one request takes beside that: a million buckets. */
#define ASKED_NAMES_BYTES_MAX MIB(8)
/* Items that an answer may have, or that are looked at for it, when all is done in one turn: each takes a tenth of a
 * microsecond or two. One that turns out to have more begins again in parts. */
#define ITEMS_AT_ONCE_MAX 4096
/* Changes that a request makes one by one, each of which is an append of some microseconds, in one turn. */
#define CHANGES_AT_ONCE_MAX 100
/* The same of all requests that are parked or whose answers are not taken: above it, of those who take nothing the one
 * that holds most is dropped, then of those who wait. */
#define REQUESTS_BYTES_MAX MIB(384)
static_assert(REQUESTS_BYTES_MAX >= 2 * REQUEST_ARENA_BYTES_MAX,
              "one that waits does not keep another from being answered");

/* Bytes of a pipelining client that wait behind a parked request before we stop reading its socket, and have its end
 * watched instead. */
#define WAITING_INPUT_BYTES_MAX KIB(64)

/* Requests in memory whose answers a client has not taken: above it no further one of the connection starts... */
#define OUTPUT_BYTES_HIGH MIB(1)
/* ...nor with so many answers, each of which may pin files. */
#define OUTPUT_REQUESTS_MAX 64

/* Slices up to this size are copied behind their answer's head, so that it leaves in one write; larger ones go by
 * sendfile(). Measured: docs/decisions/0006-zero-copy-fetch.md. */
#define SENDFILE_BYTES_MIN KIB(2)
/* What is copied from a slice when the socket takes nothing, to be told when it does again; small where the rest then
 * goes by sendfile(). */
#ifdef __linux__
#define WRITE_CHUNK_BYTES KIB(4)
#else
#define WRITE_CHUNK_BYTES KIB(64)
#endif
/* What one connection sends before the others have their turn; less when the turn has no time left, as with an answer
 * of a thousand slices. */
#define SEND_BYTES_PER_TURN MIB(4)

/* What the appends of one turn may decompress before the others are validated by the pool: about a millisecond. Writing
 * a batch anew in another codec counts sixteen times. */
#define TURN_WORK_BYTES KIB(512)
/* What one validation in the pool may decompress before it goes on where it keeps none but its like waiting: a tenth of
 * a second. */
#define CHECK_WORK_BYTES MIB(32)

/* Partitions of all topics, also of removed ones whose logs are not gone yet: about 500 bytes each, and 2 KiB when it
 * was written or read. Above it no topic is made. What a start finds is read whatever its size. */
#define PARTITIONS_MAX 100000
/* Settings of all topics, groups and client metrics together, of which a text may have 32 KiB. Above it none is set. */
#define SETTINGS_BYTES_MAX MIB(64)

/* Partitions of all fetch sessions together, about 160 bytes and a topic name each: half a million with usual names.
 * Kafka's bound is on the number of sessions alone. */
#define FETCH_SESSION_BYTES_MAX MIB(96)

/* What all groups and their members hold together: names, protocols, assignments, ids that were handed out. A member of
 * an ordinary consumer takes a kilobyte, a group half of one. Above it joins are refused, and commits that would make a
 * group. */
#define GROUP_MEMBERS_BYTES_MAX MIB(256)
/* What one member may offer. The record of its group, with what all members offered for the protocol that they chose,
 * must fit in max.message.bytes, which is 1 MiB unless it is changed. */
#define MEMBER_BYTES_MAX MIB(8)
/* What one change of a coordinator writes, whatever max.message.bytes allows: the records are built, compressed and
 * replayed in one turn. */
#define COORDINATOR_BATCH_BYTES_MAX MIB(16)
/* Protocols that one member may offer; clients offer two or three. */
#define MEMBER_PROTOCOLS_MAX 100
/* Topics that the members of a group subscribe to together, where they differ: put in order at each round, in about 3
 * ms. Above it all topics count as subscribed to. */
#define SUBSCRIBED_TOPICS_MAX 20000
/* Committed offsets of all groups together, about 80 bytes each: five million without metadata. Above it commits are
 * refused. What a start finds is read whatever its size. */
#define COMMITTED_OFFSETS_BYTES_MAX MIB(512)

/* All transactional ids and the partitions of their transactions, about 250 bytes an id and 4 a partition: half a
 * million ids. Above it no new one is taken, and none gets further partitions. What a start finds is read whatever its
 * size. */
#define TRANSACTIONS_BYTES_MAX MIB(128)

/* Clients, or groups of them, whose use of one kind of quota is remembered: at most 8192 of four kinds, of about half a
 * kilobyte each and their names. Beyond that the one that was quiet longest is forgotten. Kafka's bound is time alone.
 */
#define QUOTA_SENSORS_MAX 8192

/* Clients that ask for telemetry subscriptions, about 150 bytes each; Kafka's number. The quietest is forgotten. */
#define TELEMETRY_INSTANCES_MAX 16384

/* Memory that is given back in parts: what is given back in each, a twentieth of a millisecond, and all that waits for
 * it; more is given back at once. */
#define RELEASE_PART_BYTES KIB(256)
#define RELEASES_BYTES_MAX MIB(256)
/* A frame's buffer of no more goes back at once, in less than a millisecond: there may be hundreds of them. */
#define RELEASE_AT_ONCE_BYTES MIB(4)

/* Recycled request structs with their arenas' first chunks, if these are no larger than usual. */
#define SPARE_REQUESTS            256
#define SPARE_REQUEST_ARENA_BYTES KIB(4)

/* A frame or an answer that has not moved for so long is stalled when connections are too many: it makes room for a new
 * one. */
#define STALLED_MS 5000

/* How long slow readers keep a stop waiting. */
#define STOP_GRACE_MS 1000

#endif
