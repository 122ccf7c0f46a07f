/* Everything outside the broker's own state that it depends on: files, threads, time and luck. One struct, passed on
 * explicitly, so that a test runs the whole broker without disk, clock or chance of its own.
 *
 * loop.c makes the real one over libuv; tests/lib/test_env.c the one whose clock and jobs the test drives. */
#ifndef DOHLE_BROKER_ENV_H
#define DOHLE_BROKER_ENV_H

#include "../storage/executor.h"
#include "../storage/file_io.h"
#include "../storage/turn.h"

#include <stdint.h>

/* wall_ms for stamps and retention; mono_ms for deadlines. */
struct now {
    int64_t wall_ms, mono_ms;
};

struct env {
    struct file_io *files;
    struct executor *executor;
    struct now (*now)(struct env *env);
    /* Of a monotonic clock: what work takes is the difference of two. */
    int64_t (*nanoseconds)(struct env *env);
    void (*random)(struct env *env, void *bytes, size_t size);
    /* Have broker_tick() called at `mono_ms` or soon after; an earlier wish stands. */
    void (*wake_at)(struct env *env, int64_t mono_ms);
    struct turn *turn; /* of the loop; NULL: nobody waits */
};

/* A random (version 4) uuid whose text does not begin with '-', as Kafka's own. */
struct kp_uuid;
void env_random_uuid(struct env *env, struct kp_uuid *uuid);

#endif
