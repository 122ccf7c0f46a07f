/* The root of all state. Everything hangs from struct broker and is passed on explicitly; there are no mutable globals,
 * so a second broker in a test is only a second struct. One thread, the loop's, owns all of it. */
#ifndef DOHLE_BROKER_BROKER_H
#define DOHLE_BROKER_BROKER_H

#include "catalog.h"
#include "config.h"
#include "data_folder.h"
#include "env.h"
#include "long_work.h"
#include "parts.h"
#include "quota.h"
#include "release.h"
#include "request.h"
#include "telemetry.h"
#include "timers.h"
#include "verification_state.h"

struct fetch_sessions;
struct group_coordinator;
struct metadata_log;
struct producer_ids;
struct recovery;
struct transaction_coordinator;

struct broker {
    struct env *env;
    struct config *config;
    int32_t node_id;
    char cluster_id[CLUSTER_ID_SIZE];
    struct kp_uuid directory_id; /* of the folder with the metadata log */
    struct kp_uuid
        new_directory_id; /* of the folder for new partitions; with several, Kafka's id for "not chosen yet" */
    struct data_folders folders;
    struct log_store *store;
    struct recovery *recovery; /* under way, while the broker is opened; else NULL */
    struct timer store_timer;  /* of log_store_tick() */
    int64_t store_due_wall_ms; /* when that is; INT64_MAX: never */
    struct metadata_log *metadata_log;
    struct catalog *catalog;
    struct timers timers;
    struct list waits;          /* struct purgatory_wait, all of them */
    struct list woken;          /* struct partition that changed in this turn */
    struct list ready;          /* struct purgatory_wait that watches one of those */
    struct list long_works;     /* struct long_work: goes on at the end of turns */
    bool part_owed;             /* the one that goes on has done nothing yet in this turn */
    struct long_work deletions; /* of logs of removed topics */
    struct parts parts;         /* requests that go so */
    struct releases releases;   /* memory that does */
    struct producer_ids *producer_ids;
    struct fetch_sessions *fetch_sessions;
    struct group_coordinator *groups;             /* NULL before all is recovered */
    struct transaction_coordinator *transactions; /* the same */
    struct listener *listeners;
    int32_t listeners_count;
    struct list spare_requests; /* recycled, with their arenas' first chunks */
    int32_t spare_requests_count;
    struct quotas quotas;
    struct telemetry telemetry;
    struct verification_states verification_states;
    struct request *handling;  /* the counted request whose handler runs; NULL: none */
    int64_t handling_began_ns; /* env->nanoseconds() then */
    size_t requests_bytes;     /* of the arenas of all that are answered or parked; REQUESTS_BYTES_MAX */
    bool stopping;             /* no new requests; parked ones are answered with what there is */
};

/* What the folder holds is replayed, recovered where needed, and ready to be served. `config` and `env` are borrowed
 * for the broker's life; logs keep at most `open_files_max` files open. On failure *broker is NULL and one line was
 * logged that says why. */
bool broker_open(struct broker **broker, struct config *config, struct env *env, int open_files_max) WARN_UNUSED;

/* Time has passed: purgatory, store, metadata log do what is due and wish for their next wake. */
void broker_tick(struct broker *broker);
/* What was appended since the last call wakes its waiters, once. */
void broker_wake_waiting(struct broker *broker);
/* The end of a turn of the loop: what goes in parts goes on. True: something did, and may have appended; then wake who
 * waits once more. */
bool broker_turn_end(struct broker *broker);

/* Answer what is parked with what there is; requests that come later are refused by closing. */
void broker_stop(struct broker *broker);
/* Sync, checkpoints, the clean-shutdown marker, free. All peers are gone and all jobs have ended. */
bool broker_close(struct broker *broker);

#endif
