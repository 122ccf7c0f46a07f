/* What `make bench` measures of a process that starts.
 *
 *     bench_machine COMMAND ...      start it and wait for a line on its standard output
 *
 * Prints "ready_ms M rss_kib K" and ends the process with SIGTERM. Linux only: elsewhere it says so. */
#ifdef __linux__
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static _Noreturn void die(const char *what)
{
    perror(what);
    exit(1);
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
    if (count < 2) {
        fprintf(stderr, "usage: bench_machine COMMAND ...\n");
        return 2;
    }
    measure_start(arguments + 1);
    return 0;
}

#else

#include <signal.h>
#include <stdio.h>

int main(void)
{
    fprintf(stderr, "bench_machine: needs Linux\n");
    return 2;
}

#endif
