/* Records of the metadata log that the broker itself does not act on: registrations, credentials, access control,
 * types that it does not know. They are kept as they stand, the newest of each thing that they speak of, so
 * that a checkpoint has all that the log had and the next owner of the folder loses nothing. */
#ifndef DOHLE_BROKER_KEPT_RECORDS_H
#define DOHLE_BROKER_KEPT_RECORDS_H

#include "../protocol/hash_map.h"
#include "../protocol/list.h"
#include "metadata_record.h"

struct kept_records {
    struct hash_map records; /* by type and what the record speaks of */
    struct list order;       /* as they came first */
};

void kept_records_init(struct kept_records *kept, uint64_t seed);
void kept_records_release(struct kept_records *kept);

/* Note a record: it replaces, changes or removes the one of the same thing. Types that say nothing lasting are dropped.
 * False when it cannot be decoded. */
bool kept_records_replay(struct kept_records *kept, const struct metadata_record *record) WARN_UNUSED;

/* Call `each` with the framed value of every record, in the order that they came first. */
void kept_records_each(const struct kept_records *kept, void (*each)(void *context, struct kp_bytes value),
                       void *context);

/* The last registration of a broker, changes merged; what it points to comes from `arena` or lives until the next
 * replay. False when there is none. */
bool kept_records_registration(const struct kept_records *kept, int32_t broker_id,
                               struct kp_register_broker_record *registration, struct arena *arena) WARN_UNUSED;

#endif
