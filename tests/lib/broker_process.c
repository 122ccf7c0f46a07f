/* See broker_process.h. */
#include "broker_process.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#define OPEN_FOLDERS_MAX 16
#define PORT_ANY         "0"
#define CLOCKS           2 /* wall, monotonic */

/* ---- a child ---------------------------------------------------------------------------------------------------- */

/* In the child; does not return. The broker ends with the runner, however that ends, where the system can do so. */
static void run_command(const struct broker_process *broker)
{
    char *line = NULL;
    if (broker->clock) {
        setenv("CLOCK", broker->clock_file, 1);
        setenv("LD_PRELOAD", broker->clock, 1);
    }
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    if (asprintf(&line, "exec %s", broker->command) > 0)
        execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

/* The port of the last start, so that clients find it again. */
static const char *port_of(const struct broker_process *broker)
{
    return broker->address ? strrchr(broker->address, ':') + 1 : PORT_ANY;
}

/* "NAME=VALUE" of each setting, behind `prefix`; from malloc. */
static char *settings_text(const struct value *settings, const char *prefix)
{
    char *text = xstrdup("");
    for (const struct value *setting = settings ? settings->first : NULL; setting; setting = setting->next) {
        char *longer = NULL;
        int made = setting->type == VALUE_INT
                       ? asprintf(&longer, "%s%s%s=%" PRId64, text, prefix, setting->key, setting->number)
                       : asprintf(&longer, "%s%s%s=%.*s", text, prefix, setting->key, (int)setting->text.size,
                                  setting->text.data);
        if (made < 0)
            abort();
        free(text);
        text = longer;
    }
    return text;
}

static bool child_start(struct player_process *process, const struct value *settings)
{
    struct broker_process *broker = CONTAINER_OF(process, struct broker_process, process);
    int ends[2];
    char *overrides = settings_text(settings, " --override ");
    setenv("OVERRIDES", overrides, 1);
    free(overrides);
    if (pipe(ends) != 0)
        return false;
    setenv("FOLDER", broker->folder, 1);
    setenv("PORT", port_of(broker), 1);
    broker->pid = fork();
    if (broker->pid == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        run_command(broker);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    char line[512] = "";
    const char *ready =
        broker->pid > 0 && output && fgets(line, sizeof line, output) ? strstr(line, " ready on ") : NULL;
    if (output)
        fclose(output);
    if (!ready)
        return false;
    free(broker->address);
    broker->address = xstrdup(ready + strlen(" ready on "));
    broker->address[strcspn(broker->address, "\n")] = '\0';
    return strrchr(broker->address, ':') != NULL;
}

static bool child_stop(struct player_process *process, bool by_kill)
{
    struct broker_process *broker = CONTAINER_OF(process, struct broker_process, process);
    int status = 0;
    if (broker->pid <= 0)
        return false;
    kill(broker->pid, by_kill ? SIGKILL : SIGTERM);
    while (waitpid(broker->pid, &status, 0) < 0 && errno == EINTR)
        ;
    broker->pid = 0;
    return by_kill || (WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* Make the file that tells the child's clocks, and see it as memory. False: errno says why. */
static bool own_clock(struct broker_process *broker)
{
    static const int64_t zeros[CLOCKS];
    if (asprintf(&broker->clock_file, "%s/clock", broker->folder) < 0)
        abort();
    int file = open(broker->clock_file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool made = file >= 0 && write(file, zeros, sizeof zeros) == (ssize_t)sizeof zeros;
    void *mapped = made ? mmap(NULL, sizeof zeros, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0) : MAP_FAILED;
    if (file >= 0)
        close(file);
    if (mapped != MAP_FAILED)
        broker->process.ahead_ms = mapped;
    return mapped != MAP_FAILED;
}

bool broker_process_start_child(struct broker_process *broker, const char *command, const char *clock,
                                const char **error)
{
    *broker = (struct broker_process){
        .process = {.stop = child_stop, .start = child_start},
          .command = command, .clock = clock
    };
    const char *parent = getenv("TMPDIR");
    if (asprintf(&broker->folder, "%s/dohle-conformance-XXXXXX", parent && *parent ? parent : P_tmpdir) < 0)
        abort();
    if (!mkdtemp(broker->folder) || (clock && !own_clock(broker))) {
        *error = strerror(errno);
        return false;
    }
    if (asprintf(&broker->data_folder, "%s/data", broker->folder) < 0)
        abort();
    broker->process.data_folder = broker->data_folder;
    *error = "it printed no address";
    return child_start(&broker->process, NULL);
}

static int remove_entry(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

bool broker_process_end(struct broker_process *broker)
{
    bool well = !broker->folder || broker->process.stop(&broker->process, false);
    if (broker->folder)
        nftw(broker->folder, remove_entry, OPEN_FOLDERS_MAX, FTW_DEPTH | FTW_PHYS);
    if (broker->process.ahead_ms)
        munmap((void *)broker->process.ahead_ms, CLOCKS * sizeof *broker->process.ahead_ms);
    free(broker->clock_file);
    free(broker->address);
    free(broker->folder);
    free(broker->data_folder);
    *broker = (struct broker_process){0};
    return well;
}

/* ---- by a launcher ---------------------------------------------------------------------------------------------- */

static bool launcher_run(const struct broker_process *broker, const char *word, const char *behind)
{
    char *line = NULL;
    bool well = asprintf(&line, "%s %s%s >/dev/null", broker->command, word, behind) > 0 && system(line) == 0;
    free(line);
    return well;
}

static bool launcher_stop(struct player_process *process, bool by_kill)
{
    return launcher_run(CONTAINER_OF(process, struct broker_process, process), by_kill ? "kill" : "stop", "");
}

static bool launcher_start(struct player_process *process, const struct value *settings)
{
    char *behind = settings_text(settings, " ");
    bool well = launcher_run(CONTAINER_OF(process, struct broker_process, process), "start", behind);
    free(behind);
    return well;
}

void broker_process_use_launcher(struct broker_process *broker, const char *command, const char *data_folder)
{
    *broker = (struct broker_process){
        .process = {.stop = launcher_stop, .start = launcher_start},
          .command = command
    };
    broker->data_folder = xstrdup(data_folder);
    broker->process.data_folder = broker->data_folder;
}
