/* See features.h. */
#include "features.h"

#include "metadata_record.h"

const struct feature features[FEATURES_COUNT] = {
    {"metadata.version",    METADATA_VERSION_OLDEST, METADATA_VERSION_LATEST   },
    {"transaction.version", 0,                       TRANSACTION_VERSION_LATEST},
};

const struct feature *feature_find(struct kp_string name)
{
    for (size_t i = 0; i < FEATURES_COUNT; i++) {
        if (kp_string_is(name, features[i].name))
            return &features[i];
    }
    return NULL;
}

struct kp_feature_level_record feature_latest(const struct feature *feature)
{
    return (struct kp_feature_level_record){.name = kp_string_of(feature->name), .feature_level = feature->max_level};
}

/* The levels of Kafka that brought new records or fields: 3.3-IV3, 3.4-IV0, 3.5-IV2, 3.6-IV1 and -IV2, 3.7-IV0 and
 * -IV2, 4.0-IV1, 4.3-IV0, 4.4-IV1 and -IV2. */
bool metadata_version_changes_records(int16_t lower, int16_t higher)
{
    static const int16_t changes[] = {7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33};
    for (size_t i = 0; i < COUNT_OF(changes); i++) {
        if (changes[i] > lower && changes[i] <= higher)
            return true;
    }
    return false;
}
