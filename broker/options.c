/* The start of the program, from words to settings.
 *
 * A setting may be given in three places; the later one in this list wins:
 *
 *     file          server.properties, Kafka's names and syntax. An unknown name is a warning, with the nearest known
 * one. environment   KAFKA_NUM_PARTITIONS or KAFKA_CFG_NUM_PARTITIONS. Names that mean no setting are passed over,
 * because images and Kubernetes set others (KAFKA_HEAP_OPTS, KAFKA_PORT=tcp://...). command line  --override
 * NAME=VALUE, as Kafka's start script; an unknown name is an error. --data and --port are short for log.dirs and for
 * the port of the first of listeners, and are applied last.
 *
 * The rule for the environment is that of Kafka's images: without the prefix, in lower case, "_" is ".", then "..."
 * (from
 * "___") is "-" and ".." (from "__") is "_". Every error is one line with the place, the setting and what it must be.
 */
#include "options.h"

#include "logger.h"
#include "properties.h"

#include <ctype.h>
#include <stdarg.h>
#include <string.h>

#define FILE_BYTES_MAX  ((size_t)1 << 20) /* far more than any configuration */
#define ORIGIN_SIZE_MAX 512

static const char usage[] =
    "Usage: dohle [OPTIONS] [server.properties]\n"
    "\n"
    "A broker for Apache Kafka clients. It takes Kafka's configuration files; without one, and without\n"
    "options, it listens on localhost:9092 and keeps its data in Kafka's default, /tmp/kafka-logs.\n"
    "\n"
    "  --override NAME=VALUE  Set a Kafka setting; may be repeated\n"
    "  --port N               Listen on this port (0: any free one) instead of that of the first listener\n"
    "  --data DIR             Keep the data in this folder (log.dirs)\n"
    "  --ephemeral            Keep the data in a private temporary folder, sync nothing, remove it at exit\n"
    "  --version              Print the version\n"
    "  --help                 Print this text\n"
    "\n"
    "Environment: KAFKA_NUM_PARTITIONS=3 and KAFKA_CFG_NUM_PARTITIONS=3 set num.partitions. The command line\n"
    "wins over the environment, that over the file.\n"
    "Exit status: 0 stopped, 1 failed, 64 command line not understood, 78 wrong configuration.\n";

/* The command line, taken apart; all borrowed from argv. */
struct command_line {
    const char *file;
    const char *port;
    const char *data;
    bool ephemeral;
    const char **overrides; /* NAME=VALUE */
    int overrides_count;
};

struct reader {
    struct config *config;
    const char *path; /* of the file */
    FILE *err;
};

static int fail(FILE *err, int status, const char *format, ...) PRINTF_LIKE(3, 4);
static int fail(FILE *err, int status, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("dohle: ", err);
    vfprintf(err, format, arguments);
    fputc('\n', err);
    va_end(arguments);
    return status;
}

/* Does Kafka have such a setting, also in its form for one listener? */
static bool is_known(const char *name)
{
    return config_find(kp_string_of(name)) >= 0 || config_find_prefixed(name) >= 0;
}

/* Set a known setting, or fail with one line. Passwords are not repeated. */
static int set(struct config *config, const char *name, const char *value, const char *origin, FILE *err)
{
    char error[CONFIG_ERROR_SIZE];
    int setting = config_find(kp_string_of(name));
    if (config_set(config, name, value, origin, error)) {
        if (setting < 0) {
            LOG_WARN("Setting for one listener alone is not served yet", "origin=%s name=%s", origin, name);
        }
        return OPTIONS_RUN;
    }
    bool secret = setting < 0 || config_definitions[setting].type == CONFIG_PASSWORD;
    return secret ? fail(err, OPTIONS_EXIT_CONFIG, "%s: %s: %s", origin, name, error)
                  : fail(err, OPTIONS_EXIT_CONFIG, "%s: %s=%s: %s", origin, name, value, error);
}

/* ---- command line ------------------------------------------------------------------------------------------------ */

/* The value of option `name` at argv[*i]: "--name=value" or the next word. False when argv[*i] is another option. */
static bool option_value(char *const argv[], int *i, const char *name, const char **value)
{
    const char *word = argv[*i];
    size_t size = strlen(name);
    if (strncmp(word, name, size) != 0 || (word[size] != '=' && word[size] != '\0')) {
        return false;
    }
    if (word[size] == '=') {
        *value = word + size + 1;
    } else {
        *value = argv[*i + 1];
        *i += *value != NULL ? 1 : 0;
    }
    return true;
}

/* OPTIONS_RUN, 0 after --help and --version, or OPTIONS_EXIT_USAGE. */
static int take_apart(struct command_line *line, char *const argv[], FILE *out, FILE *err)
{
    bool options_ended = false;
    for (int i = 1; argv[0] != NULL && argv[i] != NULL; i++) {
        const char *word = argv[i];
        const char *value = "";
        const char *override = NULL;
        if (options_ended || word[0] != '-') {
            if (line->file != NULL) {
                return fail(err, OPTIONS_EXIT_USAGE, "there can be one file, and %s is the second; see --help", word);
            }
            line->file = word;
        } else if (strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (strcmp(word, "--help") == 0) {
            fputs(usage, out);
            return 0;
        } else if (strcmp(word, "--version") == 0) {
            fputs("dohle " DOHLE_VERSION "\n", out);
            return 0;
        } else if (strcmp(word, "--ephemeral") == 0) {
            line->ephemeral = true;
        } else if (option_value(argv, &i, "--port", &value)) {
            line->port = value;
        } else if (option_value(argv, &i, "--data", &value)) {
            line->data = value;
        } else if (option_value(argv, &i, "--override", &value)) {
            override = value;
        } else {
            return fail(err, OPTIONS_EXIT_USAGE, "unknown option %s; see --help", word);
        }
        if (value == NULL) {
            return fail(err, OPTIONS_EXIT_USAGE, "%s needs a value; see --help", word);
        }
        if (override != NULL) {
            if (strchr(override, '=') == NULL) {
                return fail(err, OPTIONS_EXIT_USAGE, "--override %s: must be NAME=VALUE", override);
            }
            line->overrides[line->overrides_count++] = override;
        }
    }
    if (line->ephemeral && line->data != NULL) {
        return fail(err, OPTIONS_EXIT_USAGE, "--ephemeral makes its own folder: leave out --data");
    }
    return OPTIONS_RUN;
}

static int fail_unknown(const char *name, FILE *err)
{
    const char *nearest = config_nearest(name);
    return nearest == NULL ? fail(err, OPTIONS_EXIT_USAGE, "--override %s: Kafka has no such setting", name)
                           : fail(err, OPTIONS_EXIT_USAGE, "--override %s: Kafka has no such setting; did you mean %s?",
                                  name, nearest);
}

static int apply_overrides(struct config *config, const struct command_line *line, FILE *err)
{
    for (int i = 0; i < line->overrides_count; i++) {
        char *name = xstrdup(line->overrides[i]);
        char *value = strchr(name, '=');
        *value++ = '\0';
        int status = is_known(name) ? set(config, name, value, "--override", err) : fail_unknown(name, err);
        free(name);
        if (status != OPTIONS_RUN) {
            return status;
        }
    }
    return OPTIONS_RUN;
}

/* Set the port of the first listener that is for clients. */
static int apply_port(struct config *config, const char *port, FILE *err)
{
    size_t digits = strspn(port, "0123456789");
    if (digits == 0 || digits > 5 || port[digits] != '\0' || atoi(port) > UINT16_MAX) {
        return fail(err, OPTIONS_EXIT_USAGE, "--port %s: must be a number from 0 to 65535", port);
    }
    const char *controllers = config_text(config, config_find(kp_string_of("controller.listener.names")));
    const char *listeners = config_text(config, config_find(kp_string_of("listeners")));
    size_t capacity = strlen(listeners) + strlen(port) + 1;
    char *changed = xcalloc(capacity, 1);
    size_t used = 0;
    bool done = false;
    const char *rest = listeners;
    const char *item;
    size_t size;
    while (config_list_next(&rest, &item, &size)) {
        bool controller = config_list_has(controllers, item, strcspn(item, ":,"));
        const char *colon = memrchr(item, ':', size);
        bool change = !done && !controller && colon != NULL;
        size_t kept = change ? (size_t)(colon + 1 - item) : size;
        used += (size_t)snprintf(changed + used, capacity - used, "%s%.*s%s", used > 0 ? "," : "", (int)kept, item,
                                 change ? port : "");
        done |= change;
    }
    int status = set(config, "listeners", changed, "--port", err);
    free(changed);
    return status;
}

/* ---- file -------------------------------------------------------------------------------------------------------- */

static bool read_property(void *context, const char *key, const char *value, int line)
{
    struct reader *reader = context;
    if (!is_known(key)) {
        const char *nearest = config_nearest(key);
        LOG_WARN("Unknown setting", "file=%s line=%d name=%s%s%s", reader->path, line, key,
                 nearest != NULL ? " nearest=" : "", nearest != NULL ? nearest : "");
        return true;
    }
    char origin[ORIGIN_SIZE_MAX];
    snprintf(origin, sizeof origin, "%.*s:%d", (int)sizeof origin - 16, reader->path, line);
    return set(reader->config, key, value, origin, reader->err) == OPTIONS_RUN;
}

static int read_file(struct config *config, const char *path, struct file_io *files, FILE *err)
{
    char *text;
    size_t size;
    int failed = file_load(files, path, FILE_BYTES_MAX, &text, &size);
    if (failed < 0) {
        return fail(err, OPTIONS_EXIT_CONFIG, "%s: %s", path, strerror(-failed));
    }
    struct reader reader = {.config = config, .path = path, .err = err};
    int line;
    char error[PROPERTIES_ERROR_SIZE];
    bool ok = properties_parse(text, size, read_property, &reader, &line, error);
    free(text);
    if (!ok && *error != '\0') {
        return fail(err, OPTIONS_EXIT_CONFIG, "%s:%d: %s", path, line, error);
    }
    return ok ? OPTIONS_RUN : OPTIONS_EXIT_CONFIG;
}

/* ---- environment ------------------------------------------------------------------------------------------------- */

/* Write the setting's name for `size` characters behind the prefix, by the rule at the head of this file. */
static void setting_name(const char *from, size_t size, char *name)
{
    size_t used = 0;
    for (size_t i = 0; i < size;) {
        size_t run = strspn(from + i, "_");
        run = run < size - i ? run : size - i;
        if (run == 0) {
            name[used++] = (char)tolower((unsigned char)from[i]);
            i++;
        } else {
            size_t taken = run < 3 ? run : 3;
            name[used++] = taken == 1 ? '.' : taken == 2 ? '_' : '-';
            i += taken;
        }
    }
    name[used] = '\0';
}

static int read_environment(struct config *config, char *const environment[], FILE *err)
{
    static const char *const prefixes[] = {"KAFKA_CFG_", "KAFKA_"};
    for (size_t p = 0; p < COUNT_OF(prefixes); p++) {
        for (int i = 0; environment[i] != NULL; i++) {
            const char *entry = environment[i];
            const char *value = strchr(entry, '=');
            size_t prefix_size = strlen(prefixes[p]);
            if (value == NULL || strncmp(entry, prefixes[p], prefix_size) != 0) {
                continue;
            }
            size_t size = (size_t)(value - entry);
            char *variable = xcalloc(size + 1, 1);
            char *name = xcalloc(size + 1, 1);
            memcpy(variable, entry, size);
            setting_name(entry + prefix_size, size > prefix_size ? size - prefix_size : 0, name);
            int status = is_known(name) ? set(config, name, value + 1, variable, err) : OPTIONS_RUN;
            free(variable);
            free(name);
            if (status != OPTIONS_RUN) {
                return status;
            }
        }
    }
    return OPTIONS_RUN;
}

/* ---- all --------------------------------------------------------------------------------------------------------- */

static int apply(struct config *config, const struct command_line *line, char *const environment[],
                 struct file_io *files, FILE *err)
{
    int status = line->file == NULL ? OPTIONS_RUN : read_file(config, line->file, files, err);
    if (status == OPTIONS_RUN) {
        status = read_environment(config, environment, err);
    }
    if (status == OPTIONS_RUN) {
        status = apply_overrides(config, line, err);
    }
    if (status == OPTIONS_RUN && line->data != NULL) {
        status = strchr(line->data, ',') == NULL
                     ? set(config, "log.dirs", line->data, "--data", err)
                     : fail(err, OPTIONS_EXIT_USAGE, "--data %s: the name of one folder, without a comma", line->data);
    }
    if (status == OPTIONS_RUN && line->port != NULL) {
        status = apply_port(config, line->port, err);
    }
    char error[CONFIG_ERROR_SIZE];
    config->ephemeral = line->ephemeral;
    if (status == OPTIONS_RUN && !config_finish(config, error)) {
        status = fail(err, OPTIONS_EXIT_CONFIG, "%s", error);
    }
    return status;
}

int options_parse(struct config *config, char *const argv[], char *const environment[], struct file_io *files,
                  FILE *out, FILE *err)
{
    config_init(config);
    size_t words = 0;
    while (argv[words] != NULL) {
        words++;
    }
    struct command_line line = {.overrides = xcalloc(words + 1, sizeof *line.overrides)};
    int status = take_apart(&line, argv, out, err);
    if (status == OPTIONS_RUN) {
        status = apply(config, &line, environment, files, err);
    }
    free(line.overrides);
    return status;
}
