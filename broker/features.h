/* Features of Kafka that are served here, and their levels.
 *
 * Others may be finalized in a folder that Kafka wrote: their levels stay in the metadata, are not told to clients, who
 * would use what is not there, and cannot be changed. See docs/decisions/0011-features-are-told-when-served.md. */
#ifndef DOHLE_BROKER_FEATURES_H
#define DOHLE_BROKER_FEATURES_H

#include "../protocol/wire.h"

#include "messages.h"

#include <stdbool.h>

#define TRANSACTION_VERSION_LATEST 2 /* records with all fields; epochs that rise with each transaction */

struct feature {
    const char *name;
    int16_t min_level, max_level; /* of those that are served */
};

#define FEATURES_COUNT 2
extern const struct feature features[FEATURES_COUNT];

/* NULL: it is not served, or there is none of this name. */
const struct feature *feature_find(struct kp_string name);

/* The record with its highest level, with which a new folder begins. */
struct kp_feature_level_record feature_latest(const struct feature *feature);

/* Do the records of the metadata log differ between two levels of metadata.version, so that the lower one cannot read
 * what the higher one wrote? Both are in the range that is served. */
bool metadata_version_changes_records(int16_t lower, int16_t higher);

#endif
