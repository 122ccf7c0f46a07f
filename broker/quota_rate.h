/* How Kafka measures what a quota limits (org.apache.kafka.common.metrics.stats: Rate over WindowedSum, TokenBucket),
 * and how long it has one wait who is above. Pure; times are monotonic milliseconds.
 *
 * A rate keeps sums of the last `samples` + 1 windows that something was recorded in:
 *
 *     value  |  40 |   0 | 300 |  25          a sample begins when the first one is recorded behind the end of the one
 *     ------ +-----+-----+-----+-----> time   before; one whose last record is `samples` windows old counts no more
 *
 * and is their sum by the time since the oldest began, at least `samples` - 1 windows. */
#ifndef DOHLE_BROKER_QUOTA_RATE_H
#define DOHLE_BROKER_QUOTA_RATE_H

#include <stdint.h>

/* quota.window.num and quota.window.size.seconds, or those of the controller. */
struct quota_windows {
    int32_t samples; /* at least 1 */
    int64_t size_ms; /* of one; at least 1000 */
};

struct quota_sample {
    double value;
    int64_t start_ms, last_ms; /* of the first and last record; after a reset, of that */
};

/* Zeros are a rate that nothing was recorded for. */
struct quota_rate {
    struct quota_sample *samples; /* grows with use to windows->samples + 1 */
    int32_t count, current;
};

void quota_rate_release(struct quota_rate *rate);
void quota_rate_record(struct quota_rate *rate, const struct quota_windows *windows, double value, int64_t now_ms);
/* Per second. */
double quota_rate_measure(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms);
/* Milliseconds until the rate is back at `limit` if nothing more is recorded (QuotaUtils.throttleTime); 0 when it is
 * not above. At most INT32_MAX, where Kafka's number would wrap around. */
int32_t quota_rate_throttle_ms(struct quota_rate *rate, const struct quota_windows *windows, double limit,
                               int64_t now_ms);

/* Tokens come at `limit` a second, up to those of all windows; what is recorded takes some, below zero if need be
 * (KIP-599). Zeros are a bucket that is full when it is first looked at. */
struct quota_bucket {
    double tokens;
    int64_t filled_ms; /* 0: never */
};

void quota_bucket_record(struct quota_bucket *bucket, const struct quota_windows *windows, double limit, double value,
                         int64_t now_ms);
/* Milliseconds until no token is owed; 0 when none is. */
int32_t quota_bucket_throttle_ms(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
                                 int64_t now_ms);

#endif
