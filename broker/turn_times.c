/* Turns of the loop, by what takes longest in them.
 *
 *     |-- events: Fetch --|-- Produce --|-- store: retention --|-- answers sent --|   a turn
 *                         ^ did()       ^ did()                ^                  ^ did(), end()
 *
 * Each piece of work costs one look at the clock. The clock of the thread takes system calls: it is asked when a
 * quarter of a millisecond has passed since, so what it says of a turn may be too much by that. It tells a turn that
 * worked for long from one that waited for a disk, and from one that waited for a CPU, which others used: that is not
 * ours to shorten. */
#include "turn_times.h"

#include "logger.h"

#include <inttypes.h>

#define THREAD_CLOCK_NS 250000

void turn_times_begin(struct turn_times *times, int64_t busy_ns, struct thread_time thread)
{
    static const struct turn_time none = {.piece = "nothing"};
    *times = (struct turn_times){
        .began_ns = busy_ns,
        .piece_ns = busy_ns,
        .now = none,
        .seen = thread,
        .seen_at_ns = busy_ns,
        .longest = none,
        .longest_cpu = none,
        .told_at_ns = busy_ns - TOLD_PAUSE_NS,
    };
}

void turn_times_restart(struct turn_times *times, int64_t busy_ns)
{
    times->now = (struct turn_time){.piece = "nothing"};
    times->began_ns = times->piece_ns = busy_ns;
}

void turn_times_did(struct turn_times *times, int64_t busy_ns, const char *what)
{
    int64_t took_ns = busy_ns - times->piece_ns;
    times->piece_ns = busy_ns;
    if (took_ns <= times->now.piece_ns)
        return;
    times->now.piece = what;
    times->now.piece_ns = took_ns;
}

bool turn_times_left(const struct turn_times *times, int64_t busy_ns)
{
    return busy_ns - times->began_ns < TURN_PARTS_NS;
}

static int64_t at_most(int64_t value, int64_t max)
{
    return value < max ? value : max;
}

/* What the thread did in the turn. A short one has run. */
static void count_thread(struct turn_times *times, int64_t busy_ns,
                         struct thread_time (*now)(const struct thread_clock *clock), const struct thread_clock *clock)
{
    struct turn_time *turn = &times->now;
    turn->cpu_ns = turn->took_ns;
    if (busy_ns - times->seen_at_ns < THREAD_CLOCK_NS)
        return;
    struct thread_time before = times->seen;
    times->seen = now(clock);
    times->seen_at_ns = busy_ns;
    turn->cpu_ns = at_most(times->seen.ran_ns - before.ran_ns, turn->took_ns);
    turn->ready_ns = at_most(times->seen.ready_ns - before.ready_ns, turn->took_ns - turn->cpu_ns);
}

/* What is to be told of a turn, and from when on it is long: work, and waits for the disk. */
static int64_t held_ns(const struct turn_time *turn)
{
    return turn->took_ns - turn->ready_ns;
}

static void tell(struct turn_times *times, int64_t busy_ns)
{
    const struct turn_time *turn = &times->now;
    LOG_DEBUG("A long turn of the loop",
              "us=%" PRId64 " cpu_us=%" PRId64 " ready_us=%" PRId64 " longest_piece=\"%s\" piece_us=%" PRId64,
              turn->took_ns / 1000, turn->cpu_ns / 1000, turn->ready_ns / 1000, turn->piece, turn->piece_ns / 1000);
    if (held_ns(turn) < TOLD_TURN_NS || busy_ns - times->told_at_ns < TOLD_PAUSE_NS)
        return;
    LOG_INFO("A turn of the loop took long",
             "us=%" PRId64 " cpu_us=%" PRId64 " ready_us=%" PRId64 " longest_piece=\"%s\" piece_us=%" PRId64
             " long_turns_since=%" PRId64,
             turn->took_ns / 1000, turn->cpu_ns / 1000, turn->ready_ns / 1000, turn->piece, turn->piece_ns / 1000,
             times->long_count - times->told_count);
    times->told_at_ns = busy_ns;
    times->told_count = times->long_count;
}

void turn_times_end(struct turn_times *times, int64_t busy_ns,
                    struct thread_time (*now)(const struct thread_clock *clock), const struct thread_clock *clock)
{
    struct turn_time *turn = &times->now;
    turn_times_did(times, busy_ns, "other work");
    turn->took_ns = busy_ns - times->began_ns;
    count_thread(times, busy_ns, now, clock);
    if (held_ns(turn) > held_ns(&times->longest))
        times->longest = *turn;
    if (turn->cpu_ns > times->longest_cpu.cpu_ns)
        times->longest_cpu = *turn;
    if (held_ns(turn) >= LONG_TURN_NS) {
        times->long_count++;
        tell(times, busy_ns);
    }
    turn_times_restart(times, busy_ns);
}
