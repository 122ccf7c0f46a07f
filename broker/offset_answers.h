/* How the outcome for committed offsets is told, by topics: of OffsetCommit, TxnOffsetCommit and OffsetDelete, in the
 * entries of the first. See offset_answers.c. */
#ifndef DOHLE_BROKER_OFFSET_ANSWERS_H
#define DOHLE_BROKER_OFFSET_ANSWERS_H

#include "../protocol/errors.h"
#include "messages.h"

struct request;

typedef struct kp_offset_commit_response_topics offset_answer;

/* Tell one more partition of a topic; there is room for it. */
void offset_answer_add(offset_answer *answer, int32_t partition, enum kafka_error error);

/* Put `count` answers, one for each entry of the request, in Kafka's order into `ordered`, which has room for all.
 * refused[t]: so many partitions at the beginning of answer t were refused because they are not there; -1: none, and
 * the topic is there. `by_id`: topics are known by their ids. Returns the number of the ordered ones, which share
 * memory with the answers or have theirs in the request's arena; -1: no memory, or no answer is wanted. */
int32_t offset_answers_order(struct request *request, const offset_answer *answers, const int32_t *refused,
                             int32_t count, bool by_id, offset_answer *ordered) WARN_UNUSED;

#endif
