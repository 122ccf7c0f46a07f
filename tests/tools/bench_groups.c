/* What many large groups cost: rounds, heartbeats, descriptions and the start after them, in CPU time and memory of a
 * broker in this process, without sockets and disk.
 *
 *     bench_groups GROUPS MEMBERS
 *
 * Prints "WHAT cpu_ms N requests N us_per_request N slowest_us N" for
 *
 *     begin       all members of all groups join and sync
 *     heartbeat   each member, once
 *     round       one member of each group leaves; the others learn it, join anew and sync
 *     statics     a static member of each group is started anew, in its place
 *     describe    each group, once
 *     start       the broker starts on what a kill leaves
 *
 * where the time is that of broker and client both, and slowest_us that of the longest request or turn; then the memory
 * that a member takes. The last member of each group is static. */
#include "broker/group_coordinator.h"
#include "tests/lib/test_consumer.h"

#include "protocol/errors.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

struct bench {
    struct broker_fixture broker;
    struct test_consumer *members; /* those of group 0, of group 1, ... */
    int32_t groups, size;          /* size: members of each, now */
    int32_t stride;
    int64_t requests, began_us, slowest_us, last_us;
};

static int64_t cpu_us(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (int64_t)time.tv_sec * 1000000 + time.tv_nsec / 1000;
}

static void begin(struct bench *bench)
{
    bench->requests = bench->slowest_us = 0;
    bench->began_us = bench->last_us = cpu_us();
}

/* One more request or turn is over. */
static void count(struct bench *bench, int32_t requests)
{
    int64_t now_us = cpu_us();
    if (now_us - bench->last_us > bench->slowest_us)
        bench->slowest_us = now_us - bench->last_us;
    bench->last_us = now_us;
    bench->requests += requests;
}

static void tell(const struct bench *bench, const char *what)
{
    int64_t us = cpu_us() - bench->began_us;
    printf("%-10s cpu_ms %7.1f  requests %7lld  us_per_request %8.2f  slowest_us %lld\n", what, (double)us / 1000,
           (long long)bench->requests, (double)us / (double)bench->requests, (long long)bench->slowest_us);
}

static struct test_consumer *member_of(struct bench *bench, int32_t group, int32_t index)
{
    return &bench->members[group * bench->stride + index];
}

static void require(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "bench_groups: %s\n", what);
    exit(1);
}

static void join_all(struct bench *bench)
{
    for (int32_t i = 0; i < bench->size; i++) {
        for (int32_t g = 0; g < bench->groups; g++) {
            test_consumer_send_join(member_of(bench, g, i));
            count(bench, 1);
        }
    }
    broker_fixture_advance(&bench->broker, 0);
    count(bench, 0);
}

/* The answers of a round's joins, and its syncs: the leader's last. */
static void sync_all(struct bench *bench)
{
    for (int32_t g = 0; g < bench->groups; g++) {
        struct test_consumer *leader = NULL;
        for (int32_t i = 0; i < bench->size; i++) {
            struct test_consumer *member = member_of(bench, g, i);
            require(test_consumer_joined(member) == KAFKA_NONE, "a join is answered");
            if (strcmp(member->id, member->told_leader) == 0)
                leader = member;
            else
                test_consumer_send_sync(member, NULL, 0);
            count(bench, 1);
        }
        require(leader && leader->members == bench->size, "a leader is told all members");
        test_consumer_send_sync(leader, &leader, 1);
        count(bench, 1);
        for (int32_t i = 0; i < bench->size; i++)
            require(test_consumer_synced(member_of(bench, g, i)) == KAFKA_NONE, "a sync is answered");
        count(bench, 0);
    }
}

static void heartbeat_all(struct bench *bench, int16_t expected)
{
    for (int32_t g = 0; g < bench->groups; g++) {
        for (int32_t i = 0; i < bench->size; i++) {
            require(test_consumer_heartbeat(member_of(bench, g, i)) == expected, "a heartbeat is answered as expected");
            count(bench, 1);
        }
    }
}

static void leave_one(struct bench *bench)
{
    bench->size--;
    for (int32_t g = 0; g < bench->groups; g++) {
        struct test_consumer *last = member_of(bench, g, bench->size);
        require(test_consumer_leave(last) == KAFKA_NONE, "a member leaves");
        test_consumer_close(last);
        count(bench, 1);
    }
}

static void replace_statics(struct bench *bench)
{
    for (int32_t g = 0; g < bench->groups; g++) {
        struct test_consumer *first = member_of(bench, g, 0);
        *first->id = '\0';
        require(test_consumer_join(first) == KAFKA_NONE, "a static member comes back");
        count(bench, 1);
    }
}

static void describe_all(struct bench *bench)
{
    for (int32_t g = 0; g < bench->groups; g++) {
        require(strcmp(test_consumer_state(member_of(bench, g, 0)), "Stable") == 0, "a group is stable");
        count(bench, 1);
    }
}

static void hang_up(struct bench *bench)
{
    for (int32_t g = 0; g < bench->groups; g++) {
        for (int32_t i = 0; i < bench->size; i++)
            test_consumer_close(member_of(bench, g, i));
    }
}

static void open_all(struct bench *bench, char (*names)[32])
{
    for (int32_t g = 0; g < bench->groups; g++) {
        snprintf(names[g], sizeof names[g], "group-%d", g);
        for (int32_t i = 0; i < bench->size; i++) {
            struct test_consumer *member = member_of(bench, g, i);
            test_consumer_open(member, &bench->broker, names[g]);
            member->session_ms = 600000;
            member->instance = i == 0 ? "static" : NULL;
        }
    }
}

static int64_t heap_bytes(void)
{
    return (int64_t)mallinfo2().uordblks;
}

static void run(struct bench *bench, char (*names)[32])
{
    open_all(bench, names);
    require(test_consumer_find_coordinator(member_of(bench, 0, 0)) == KAFKA_NONE, "there is a coordinator");
    begin(bench);
    join_all(bench);
    sync_all(bench);
    tell(bench, "begin");
    begin(bench);
    heartbeat_all(bench, KAFKA_NONE);
    tell(bench, "heartbeat");
    begin(bench);
    leave_one(bench);
    heartbeat_all(bench, KAFKA_REBALANCE_IN_PROGRESS);
    join_all(bench);
    sync_all(bench);
    tell(bench, "round");
    begin(bench);
    replace_statics(bench);
    tell(bench, "statics");
    begin(bench);
    describe_all(bench);
    tell(bench, "describe");
    hang_up(bench);
    broker_fixture_kill(&bench->broker);
    int64_t before = heap_bytes();
    begin(bench);
    broker_fixture_open(&bench->broker);
    count(bench, 1);
    tell(bench, "start");
    printf("members %d, counted bytes each %zu, heap bytes each %lld\n", bench->groups * bench->size,
           bench->broker.broker->groups->groups->members_bytes / (size_t)(bench->groups * bench->size),
           (long long)(heap_bytes() - before) / (bench->groups * bench->size));
}

int main(int argc, char **argv)
{
    if (argc != 3 || atoi(argv[1]) < 1 || atoi(argv[2]) < 2) {
        fprintf(stderr, "usage: bench_groups GROUPS MEMBERS\n");
        return 2;
    }
    struct bench bench = {.groups = atoi(argv[1]), .size = atoi(argv[2])};
    bench.stride = bench.size;
    bench.members = xcalloc((size_t)bench.groups * (size_t)bench.size, sizeof *bench.members);
    char(*names)[32] = xcalloc((size_t)bench.groups, sizeof *names);
    broker_fixture_init(&bench.broker);
    broker_fixture_open(&bench.broker);
    run(&bench, names);
    broker_fixture_release(&bench.broker);
    free(bench.members);
    free(names);
    return 0;
}
