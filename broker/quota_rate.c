/* See quota_rate.h. */
#include "quota_rate.h"

#include "../protocol/base.h"

/* Java's Math.round, within the range of a throttle time. */
static int32_t round_ms(double ms)
{
    if (!(ms > 0)) /* also what is no number */
        return 0;
    return ms >= INT32_MAX ? INT32_MAX : (int32_t)(int64_t)(ms + 0.5);
}

/* ---- rates ---------------------------------------------------------------------------------------------------------- */

void quota_rate_release(struct quota_rate *rate)
{
    free(rate->samples);
    *rate = (struct quota_rate){0};
}

static void add_sample(struct quota_rate *rate, int64_t now_ms)
{
    rate->samples = xrealloc(rate->samples, ((size_t)rate->count + 1) * sizeof *rate->samples);
    rate->samples[rate->count++] = (struct quota_sample){.start_ms = now_ms, .last_ms = now_ms};
}

static struct quota_sample *next_sample(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms)
{
    rate->current = rate->current < windows->samples ? rate->current + 1 : 0;
    if (rate->current == rate->count)
        add_sample(rate, now_ms);
    else
        rate->samples[rate->current] = (struct quota_sample){.start_ms = now_ms, .last_ms = now_ms};
    return &rate->samples[rate->current];
}

void quota_rate_record(struct quota_rate *rate, const struct quota_windows *windows, double value, int64_t now_ms)
{
    if (rate->count == 0)
        add_sample(rate, now_ms);
    struct quota_sample *sample = &rate->samples[rate->current];
    if (now_ms - sample->start_ms >= windows->size_ms)
        sample = next_sample(rate, windows, now_ms);
    sample->value += value;
    sample->last_ms = now_ms;
}

/* Let go of samples that are too old, and sum up the others. Returns the time that the sum is of, in milliseconds. */
static double look(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms, double *sum)
{
    double expire_ms = (double)windows->samples * (double)windows->size_ms;
    int64_t oldest_ms = now_ms;
    *sum = 0;
    for (int32_t i = 0; i < rate->count; i++) {
        struct quota_sample *sample = &rate->samples[i];
        if ((double)(now_ms - sample->last_ms) >= expire_ms)
            *sample = (struct quota_sample){.start_ms = now_ms, .last_ms = now_ms};
        *sum += sample->value;
        oldest_ms = sample->start_ms < oldest_ms ? sample->start_ms : oldest_ms;
    }
    int64_t elapsed_ms = now_ms - oldest_ms, full = elapsed_ms / windows->size_ms, least = windows->samples - 1;
    double window_ms = (double)elapsed_ms;
    if (full < least)
        window_ms += (double)(least - full) * (double)windows->size_ms;
    return window_ms < 1 ? 1 : window_ms;
}

double quota_rate_measure(struct quota_rate *rate, const struct quota_windows *windows, int64_t now_ms)
{
    double sum, window_ms = look(rate, windows, now_ms, &sum);
    return sum / (window_ms / 1000);
}

int32_t quota_rate_throttle_ms(struct quota_rate *rate, const struct quota_windows *windows, double limit,
                               int64_t now_ms)
{
    double sum, window_ms = look(rate, windows, now_ms, &sum);
    return round_ms((sum / (window_ms / 1000) - limit) / limit * window_ms);
}

/* ---- token buckets -------------------------------------------------------------------------------------------------- */

static double fill(struct quota_bucket *bucket, const struct quota_windows *windows, double limit, int64_t now_ms)
{
    double most = windows->samples * ((double)windows->size_ms / 1000) * limit;
    double more = bucket->filled_ms == 0 ? most : limit * ((double)(now_ms - bucket->filled_ms) / 1000);
    bucket->tokens = bucket->tokens + more < most ? bucket->tokens + more : most;
    bucket->filled_ms = now_ms;
    return most;
}

void quota_bucket_record(struct quota_bucket *bucket, const struct quota_windows *windows, double limit, double value,
                         int64_t now_ms)
{
    double most = fill(bucket, windows, limit, now_ms);
    bucket->tokens = bucket->tokens - value < most ? bucket->tokens - value : most;
}

int32_t quota_bucket_throttle_ms(struct quota_bucket *bucket, const struct quota_windows *windows, double limit,
                                 int64_t now_ms)
{
    fill(bucket, windows, limit, now_ms);
    return round_ms(-bucket->tokens / limit * 1000);
}
