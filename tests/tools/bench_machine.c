/* What `make bench` measures of the machine itself, and of a process that starts.
 *
 *     bench_machine append FILE BYTES      a child receives from a loopback connection and appends to a new FILE
 *     bench_machine sendfile FILE BYTES    a child sends FILE, over and over, with sendfile(); the parent reads it away
 *     bench_machine start COMMAND ...      start it and wait for a line on its standard output, then for it to be idle
 *
 * The first two are the floor of produce and fetch: no broker that goes through TCP and files can be below. They print
 * "cpu_seconds S" of the child. The third prints "ready_ms M rss_kib K" and ends the process with SIGTERM. */
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

#define PIECE_BYTES ((size_t)64 * 1024)   /* the size of reads in the broker's loop */
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

static void receive_and_append(int socket_, const char *path)
{
    int file = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    uint8_t *piece = xmalloc(PIECE_BYTES);
    ssize_t got;
    if (file < 0)
        die(path);
    while ((got = read(socket_, piece, PIECE_BYTES)) > 0) {
        if (write(file, piece, (size_t)got) != got)
            die(path);
    }
    free(piece);
    close(file);
}

static void send_file(int socket_, const char *path, int64_t bytes)
{
    int file = open(path, O_RDONLY);
    off_t end = file < 0 ? 0 : lseek(file, 0, SEEK_END), at = 0;
    if (end <= 0)
        die(path);
    while (bytes > 0) {
        ssize_t sent = sendfile(socket_, file, &at, SLICE_BYTES);
        if (sent < 0)
            die("sendfile");
        at = at >= end ? 0 : at;
        bytes -= sent;
    }
    close(file);
}

/* The other side: write `bytes`, or read everything away. */
static void feed(int socket_, int64_t bytes)
{
    uint8_t *piece = xcalloc(1, SLICE_BYTES);
    while (bytes > 0) {
        ssize_t sent = write(socket_, piece, SLICE_BYTES);
        if (sent < 0)
            die("write");
        bytes -= sent;
    }
    free(piece);
}

static void drain(int socket_)
{
    uint8_t *piece = xmalloc(SLICE_BYTES);
    while (read(socket_, piece, SLICE_BYTES) > 0)
        ;
    free(piece);
}

static double cpu_seconds(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
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
            send_file(server, path, bytes);
        exit(0);
    }
    close(server);
    if (append)
        feed(client, bytes);
    else
        drain(client);
    close(client);
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0 || getrusage(RUSAGE_CHILDREN, &usage) != 0)
        die("child");
    printf("cpu_seconds %.6f\n", cpu_seconds(&usage));
}

static double now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
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
