/* A life of two groups and what is known of them from answers, for tests in which calls fail, the process dies and the
 * power goes: "group" commits offsets of two topics, "doomed" is deleted, and "members" has one member that goes
 * through rounds. Afterwards what was answered is checked: commits that were answered are there, deleted ones are not,
 * and the member is in its group, in the generation that it was told or may have been stored. */
#ifndef DOHLE_TESTS_GROUP_LIFE_H
#define DOHLE_TESTS_GROUP_LIFE_H

#include "broker_fixture.h"

/* What a group has committed of partition 0 of a topic. Offsets rise from commit to commit. */
struct group_commits {
    const char *group, *topic;
    int64_t sure;   /* the last that was answered; -1: none, or it was deleted since */
    int64_t asked;  /* the last that was asked for */
    int64_t forgot; /* what is not above was deleted */
};

/* The one member of the group "members". */
struct group_membership {
    char id[100];
    int32_t assigned, asked; /* the generation that was answered last, and the last that may be stored */
};

struct group_life {
    struct broker_fixture *broker;
    struct group_commits kept, renewed, doomed; /* of the topics "flushed", "renewed" and "flushed" */
    struct group_membership member;
    int64_t offset;        /* of the last commit */
    bool flushed;          /* __consumer_offsets has flush.messages=1: answers survive a power cut */
    bool power_lost;       /* set by the test */
    struct test_peer peer; /* of the last answer */
    bool peer_open;
};

void group_life_init(struct group_life *life, struct broker_fixture *broker);
/* The same life on another broker. */
void group_life_copy(struct group_life *copy, const struct group_life *life, struct broker_fixture *broker);
/* Its connection goes away. */
void group_life_hang_up(struct group_life *life);

/* The topic of the coordinator is made, and each of its batches is synced before its answer. */
void group_life_begin(struct group_life *life);
void group_life_commit(struct group_life *life, struct group_commits *commits);
void group_life_delete_group(struct group_life *life, struct group_commits *commits);
/* The topic is being deleted, or surely is. */
void group_commits_forget(struct group_commits *commits, bool surely);
/* The member goes through a round, and once more when it is refused, as clients do. One that is not assigned anything
 * then may be out when the round is over. */
void group_life_rebalance(struct group_life *life);

/* Of a topic that is there. */
void group_life_check_commits(struct group_life *life, const struct group_commits *commits);
void group_life_check_member(struct group_life *life);

#endif
