/* What `make bench` measures of the machine itself, and of a process that starts.
 *
 *     bench_machine append FILE BYTES      a child receives pieces from a loopback connection, appends them to a new
 *                                          FILE and answers each with a byte
 *     bench_machine sendfile FILE BYTES    a child sends a slice of FILE with sendfile() for each byte that it receives
 *     bench_machine start COMMAND ...      start it and wait for a line on its standard output
 *
 * The first two are the floor of produce and fetch, in the same rhythm of questions and answers. They print
 * "cpu_seconds S seconds S": of the child, and on the wall. The third prints "ready_ms M rss_kib K" and ends the
 * process with SIGTERM. Linux only: elsewhere it says so. */
#ifdef __linux__
#include "protocol/base.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE_BYTES ((size_t)64 * 1024)   /* a batch of the produce load */
#define IN_FLIGHT   5                     /* of them */
#define SLICE_BYTES ((size_t)1024 * 1024) /* what a fetch asks for */

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
}

/* A connection to ourselves. */
static void connect_pair(int *client, int *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    *client = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || *client < 0 || bind(listener, (struct sockaddr *)&address, size) != 0 ||
        listen(listener, 1) != 0 || getsockname(listener, (struct sockaddr *)&address, &size) != 0 ||
        connect(*client, (struct sockaddr *)&address, size) != 0)
        die("connect");
    *server = accept(listener, NULL, NULL);
    if (*server < 0)
        die("accept");
    close(listener);
}

/* Read or write all of `size` bytes; false when the other side has closed. */
static bool move_all(ssize_t (*move)(int, void *, size_t), int socket_, void *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t moved = move(socket_, (uint8_t *)bytes + done, size - done);
        if (moved <= 0)
            return false;
        done += (size_t)moved;
    }
    return true;
}

static ssize_t write_some(int socket_, void *bytes, size_t size)
{
    return write(socket_, bytes, size);
}

/* The child of `append`: a piece, and a byte as its answer. */
static void receive_and_append(int socket_, const char *path)
{
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    uint8_t *piece = xmalloc(PIECE_BYTES);
    if (file < 0)
        die(path);
    while (move_all(read, socket_, piece, PIECE_BYTES)) {
        if (write(file, piece, PIECE_BYTES) != (ssize_t)PIECE_BYTES || write(socket_, "", 1) != 1)
            die(path);
    }
    free(piece);
    close(file);
}

/* Its parent. */
static void feed(int socket_, int64_t bytes)
{
    uint8_t *piece = xcalloc(1, PIECE_BYTES), answer;
    int waiting = 0;
    for (; bytes > 0; bytes -= (int64_t)PIECE_BYTES) {
        if (waiting == IN_FLIGHT && !move_all(read, socket_, &answer, 1))
            die("answer");
        waiting += waiting < IN_FLIGHT;
        if (!move_all(write_some, socket_, piece, PIECE_BYTES))
            die("feed");
    }
    shutdown(socket_, SHUT_WR);
    while (read(socket_, &answer, 1) > 0)
        ;
    free(piece);
}

/* The child of `sendfile`: a slice of the file for each byte that asks for one. */
static void send_slices(int socket_, const char *path)
{
    int file = open(path, O_RDONLY);
    off_t end = file < 0 ? 0 : lseek(file, 0, SEEK_END), at = 0;
    uint8_t question;
    if (end < (off_t)SLICE_BYTES)
        die(path);
    while (move_all(read, socket_, &question, 1)) {
        at = at + (off_t)SLICE_BYTES > end ? 0 : at;
        for (size_t left = SLICE_BYTES; left > 0;) {
            ssize_t sent = sendfile(socket_, file, &at, left);
            if (sent <= 0)
                die("sendfile");
            left -= (size_t)sent;
        }
    }
    close(file);
}

/* Its parent. */
static void ask(int socket_, int64_t bytes)
{
    uint8_t *slice = xmalloc(SLICE_BYTES);
    for (; bytes > 0; bytes -= (int64_t)SLICE_BYTES) {
        if (write(socket_, "", 1) != 1 || !move_all(read, socket_, slice, SLICE_BYTES))
            die("ask");
    }
    free(slice);
}

static double cpu_seconds(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void measure_floor(bool append, const char *path, int64_t bytes)
{
    int client, server;
    struct rusage usage;
    connect_pair(&client, &server);
    pid_t child = fork();
    if (child == 0) {
        close(client);
        if (append)
            receive_and_append(server, path);
        else
            send_slices(server, path);
        exit(0);
    }
    close(server);
    double began_ms = now_ms();
    if (append)
        feed(client, bytes);
    else
        ask(client, bytes);
    close(client);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || getrusage(RUSAGE_CHILDREN, &usage) != 0)
        die("child");
    printf("cpu_seconds %.6f seconds %.6f\n", cpu_seconds(&usage), (now_ms() - began_ms) / 1e3);
}

/* Resident memory of a process in KiB. */
static long resident_kib(pid_t process)
{
    char path[64], line[256];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%d/status", (int)process);
    FILE *status = fopen(path, "r");
    if (status == NULL)
        die(path);
    while (kib < 0 && fgets(line, sizeof line, status) != NULL)
        sscanf(line, "VmRSS: %ld", &kib);
    fclose(status);
    return kib;
}

static void measure_start(char **command)
{
    int output[2];
    char line[256];
    if (pipe(output) != 0)
        die("pipe");
    double began_ms = now_ms();
    pid_t child = fork();
    if (child == 0) {
        dup2(output[1], STDOUT_FILENO);
        execvp(command[0], command);
        die(command[0]);
    }
    close(output[1]);
    FILE *lines = fdopen(output[0], "r");
    if (child < 0 || lines == NULL || fgets(line, sizeof line, lines) == NULL)
        die("start");
    double ready_ms = now_ms() - began_ms;
    long kib = resident_kib(child);
    kill(child, SIGTERM);
    waitpid(child, NULL, 0);
    fclose(lines);
    printf("ready_ms %.2f rss_kib %ld\n", ready_ms, kib);
}

int main(int count, char **arguments)
{
    if (count >= 3 && strcmp(arguments[1], "start") == 0) {
        measure_start(arguments + 2);
    } else if (count == 4 && (strcmp(arguments[1], "append") == 0 || strcmp(arguments[1], "sendfile") == 0)) {
        measure_floor(arguments[1][0] == 'a', arguments[2], atoll(arguments[3]));
    } else {
        fprintf(stderr, "usage: bench_machine append|sendfile FILE BYTES | start COMMAND ...\n");
        return 2;
    }
    return 0;
}

#else

#include <stdio.h>

int main(void)
{
    fprintf(stderr, "bench_machine: needs Linux\n");
    return 2;
}

#endif
