/* See offset_answers.h.
 *
 * Kafka refuses what is not there before it asks the group, so those topics come first in its answer. When it refused
 * something it puts the group's outcome to the refusals topic by topic, and what the request names twice is told once:
 *
 *     request   t: 7       u: 0    t: 0, 8            answer   t: 7, 8, 0    u: 0
 *                  |                  |  |
 *                  not there          |  not there
 *                                     there
 *
 * Otherwise the entries are as in the request. */
#include "offset_answers.h"

#include "asked_names.h"
#include "request.h"

/* How an answer comes to name topics once that the request names more often. */
struct merging {
    struct request *request;
    const offset_answer *answers;
    int32_t count;
    bool by_id;
    struct asked_names names;
    offset_answer **merged; /* by the place of the topic among the names; NULL: not in the answer yet */
    int32_t *capacities;    /* its partitions in the whole request */
};

void offset_answer_add(offset_answer *answer, int32_t partition, enum kafka_error error)
{
    answer->partitions[answer->partitions_count++] =
        (struct kp_offset_commit_response_topics_partitions){partition, (int16_t)error};
}

/* Topics with something to refuse first, then the others; of those without partitions only unknown ones. */
static int32_t order(const offset_answer *answers, const int32_t *refused, int32_t count, offset_answer *ordered)
{
    int32_t kept = 0;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t t = 0; t < count; t++) {
            bool is_refused = refused[t] >= 0;
            if ((is_refused || answers[t].partitions_count > 0) && is_refused == (pass == 0))
                ordered[kept++] = answers[t];
        }
    }
    return kept;
}

static struct kp_string key_of(const struct merging *merging, const offset_answer *answer)
{
    return merging->by_id ? (struct kp_string){(const char *)answer->topic_id.bytes, sizeof answer->topic_id.bytes}
                          : answer->name;
}

static bool begin_merging(struct merging *merging)
{
    struct arena *arena = &merging->request->arena;
    size_t count = (size_t)merging->count;
    merging->merged = arena_calloc(arena, count, sizeof *merging->merged);
    merging->capacities = arena_calloc(arena, count, sizeof *merging->capacities);
    if (!merging->merged || !merging->capacities || !asked_names_init(&merging->names, merging->request, count))
        return false;
    for (size_t t = 0; t < count && request_pause(merging->request, 1); t++) {
        struct kp_string key = key_of(merging, &merging->answers[t]);
        asked_names_note(&merging->names, key);
        merging->capacities[asked_names_place(&merging->names, key)] += merging->answers[t].partitions_count;
    }
    return true;
}

/* Put `count` partitions of an answer, from number `first` on, behind what is ordered of its topic. False: no memory.
 */
static bool merge(struct merging *merging, const offset_answer *answer, int32_t first, int32_t count,
                  offset_answer *ordered, int32_t *kept)
{
    int32_t place = asked_names_place(&merging->names, key_of(merging, answer));
    offset_answer *to = merging->merged[place];
    if (!to) {
        to = merging->merged[place] = &ordered[(*kept)++];
        *to = (offset_answer){.name = answer->name, .topic_id = answer->topic_id};
        to->partitions =
            arena_calloc(&merging->request->arena, (size_t)merging->capacities[place], sizeof *to->partitions);
    }
    for (int32_t i = first; i < first + count && to->partitions; i++)
        to->partitions[to->partitions_count++] = answer->partitions[i];
    return to->partitions != NULL;
}

/* As order(), with each topic once. -1: no memory, or no answer is wanted. */
static int32_t order_merged(struct merging *merging, const int32_t *refused, offset_answer *ordered)
{
    int32_t kept = 0;
    if (!begin_merging(merging))
        return -1;
    bool fits = true;
    for (int pass = 0; pass < 2; pass++) {
        for (int32_t t = 0; t < merging->count && fits && request_pause(merging->request, 1); t++) {
            const offset_answer *answer = &merging->answers[t];
            int32_t first = pass == 0 || refused[t] < 0 ? 0 : refused[t];
            int32_t count = pass == 0 ? refused[t] : answer->partitions_count - first;
            bool is_told = pass == 0 ? refused[t] >= 0 : count > 0;
            fits = !is_told || merge(merging, answer, first, count, ordered, &kept);
        }
    }
    asked_names_release(&merging->names);
    return fits && !merging->request->abandoned ? kept : -1;
}

int32_t offset_answers_order(struct request *request, const offset_answer *answers, const int32_t *refused,
                             int32_t count, bool by_id, offset_answer *ordered)
{
    bool any_refused = false;
    for (int32_t t = 0; t < count; t++)
        any_refused |= refused[t] >= 0;
    struct merging merging = {.request = request, .answers = answers, .count = count, .by_id = by_id};
    return any_refused && count > 1 ? order_merged(&merging, refused, ordered)
                                    : order(answers, refused, count, ordered);
}
