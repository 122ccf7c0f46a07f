/* The program: from the command line to a running broker, and to its end.
 *
 * Start: configuration, data folders, replay and recovery, sockets; only then one line on standard output says that all
 * is ready. The first SIGTERM or SIGINT stops: no new connections, parked requests are answered with what there is,
 * slow readers get a second, everything is synced, and the clean-shutdown marker is written. The second one exits at
 * once, as does one while the broker is not served yet or no more: then the loop does not run, and the system ends the
 * process. */
#include "listener.h"
#include "logger.h"
#include "notify.h"
#include "options.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

extern char **environ;

/* Descriptors that are neither connections nor files of logs: standard streams, the loop's own, listeners, locks, and
 * those that slices pin for a moment. */
#define DESCRIPTORS_RESERVED 64
#define DESCRIPTORS_MIN      128
/* So many have a place in the system's table from the start: 128 KiB. */
#define DESCRIPTORS_AT_START 16384

struct program {
    struct loop loop;
    struct server server;
    struct config config;
    struct broker *broker;
    uv_signal_t signals[2];
    int stop_signal; /* 0: none yet */
};

/* Raise the soft limit of descriptors to the hard one. Returns what is then allowed. */
static int64_t raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return DESCRIPTORS_MIN;
    rlim_t soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        limit.rlim_cur = soft;
    return limit.rlim_cur > 1000000 ? 1000000 : (int64_t)limit.rlim_cur;
}

/* Have the system's table of our descriptors large before there are threads: Linux then waits, for some 10 ms in which
 * the loop stands still, whenever it is made larger for a further connection or file. */
static void grow_descriptor_table(int64_t descriptors)
{
    int64_t wanted = descriptors < DESCRIPTORS_AT_START ? descriptors : DESCRIPTORS_AT_START;
    int copy = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, (int)wanted - 1);
    if (copy >= 0)
        close(copy);
}

static void signal_cb(uv_signal_t *handle, int number)
{
    struct program *program = handle->data;
    if (program->stop_signal != 0)
        _exit(128 + number);
    program->stop_signal = number;
    loop_signaled(&program->loop);
    LOG_INFO("Stopping", "signal=%s connections=%" PRId64, number == SIGTERM ? "SIGTERM" : "SIGINT",
             program->server.conns_count);
    notify_service_manager("STOPPING=1");
    loop_cancel_jobs(&program->loop, JOB_CLEANUP); /* what is to be removed is found at the next start */
    loop_cancel_jobs(&program->loop, JOB_CHECK_LONG);
    broker_stop(program->broker);
    server_stop(&program->server);
    turn_did(&program->loop.turn, "the begin of the stop");
}

/* Signals do not keep the loop going: it ends when the last connection and job have. */
static void watch_signals(struct program *program)
{
    const int numbers[] = {SIGTERM, SIGINT};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        uv_signal_init(&program->loop.uv, &program->signals[i]);
        program->signals[i].data = program;
        uv_signal_start(&program->signals[i], signal_cb, numbers[i]);
        uv_unref((uv_handle_t *)&program->signals[i]);
    }
}

static void unwatch_signals(struct program *program)
{
    for (size_t i = 0; i < COUNT_OF(program->signals); i++)
        uv_close((uv_handle_t *)&program->signals[i], NULL);
}

/* The one line on standard output: what a client connects to. */
static void say_ready(const struct program *program)
{
    const struct listener *listener = &program->broker->listeners[0];
    const char *host = listener->host;
    if (host[0] == '\0' || strcmp(host, "localhost") == 0)
        host = "127.0.0.1";
    printf(strchr(host, ':') != NULL ? "dohle ready on [%s]:%d\n" : "dohle ready on %s:%d\n", host, listener->port);
    fflush(stdout);
    notify_service_manager("READY=1");
}

/* With the turn that made clients wait longest, and the one that worked longest. */
static void say_stopped(const struct turn_times *times)
{
    const struct turn_time *longest = &times->longest, *worked = &times->longest_cpu;
    LOG_INFO("Stopped",
             "long_turns=%" PRId64 " longest_turn_us=%" PRId64 " cpu_us=%" PRId64 " ready_us=%" PRId64
             " longest_piece=\"%s\" piece_us=%" PRId64 " longest_turn_cpu_us=%" PRId64
             " longest_piece=\"%s\" piece_us=%" PRId64,
             times->long_count, longest->took_ns / 1000, longest->cpu_ns / 1000, longest->ready_ns / 1000,
             longest->piece, longest->piece_ns / 1000, worked->cpu_ns / 1000, worked->piece, worked->piece_ns / 1000);
}

/* Serve until a signal stops it. False: it could not begin. */
static bool serve(struct program *program, int64_t conns_max)
{
    watch_signals(program);
    bool listening = server_start(&program->server, &program->loop, program->broker, conns_max);
    if (listening)
        say_ready(program);
    else
        server_stop(&program->server);
    uv_run(&program->loop.uv, UV_RUN_DEFAULT);
    unwatch_signals(program);
    return listening;
}

static int run(struct program *program)
{
    int64_t descriptors = raise_descriptor_limit();
    if (descriptors < DESCRIPTORS_MIN) {
        LOG_ERROR("Too few file descriptors are allowed", "limit=%" PRId64 " needed=%d", descriptors, DESCRIPTORS_MIN);
        return OPTIONS_EXIT_FAILURE;
    }
    int64_t open_files_max = (descriptors - DESCRIPTORS_RESERVED) / 4;
    int64_t conns_max = descriptors - DESCRIPTORS_RESERVED - open_files_max;
    grow_descriptor_table(descriptors);
    signal(SIGPIPE, SIG_IGN);
    loop_init(&program->loop);
    bool well = broker_open(&program->broker, &program->config, &program->loop.env, (int)open_files_max);
    if (well) {
        loop_begin(&program->loop, program->broker);
        well = serve(program, conns_max);
        server_release(&program->server);
        program->loop.broker = NULL;
        well = broker_close(program->broker) && well;
        say_stopped(&program->loop.times);
    }
    loop_close(&program->loop);
    return well ? EXIT_SUCCESS : OPTIONS_EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    (void)argc;
    struct program *program = xcalloc(1, sizeof *program);
    int status = options_parse(&program->config, argv, environ, file_io_posix(), stdout, stderr);
    if (status == OPTIONS_RUN)
        status = run(program);
    config_release(&program->config);
    free(program);
    return status;
}
