/* Prints docs/configuration.md from the tables of settings, so that the document cannot differ from the program.
 *
 * usage: print_configuration >docs/configuration.md */
#include "broker/resource_settings.h"

#include <string.h>

static const char head[] =
    "# Configuration\n"
    "\n"
    "Printed from the tables in `broker/config_table.c`, `broker/topic_config.c`, `broker/group_config.c` and "
    "`broker/client_metrics_config.c` by `make docs`; do not edit.\n"
    "\n"
    "dohle takes Apache Kafka's settings, in Kafka's files:\n"
    "\n"
    "    dohle [OPTIONS] [server.properties]\n"
    "\n"
    "| from weakest to strongest | |\n"
    "| --- | --- |\n"
    "| default | the tables below |\n"
    "| file | Java's properties syntax; bytes above 127 are UTF-8. An unknown name is a warning with the nearest known "
    "one |\n"
    "| environment | `KAFKA_NUM_PARTITIONS` or `KAFKA_CFG_NUM_PARTITIONS` sets `num.partitions`: `_` is `.`, `__` is "
    "`_`, `___` is "
    "`-`. Unknown names are passed over |\n"
    "| command line | `--override NAME=VALUE` for any setting; an unknown name is an error |\n"
    "\n"
    "| option | |\n"
    "| --- | --- |\n"
    "| `--port N` | port of the first listener for clients; 0 takes any free one |\n"
    "| `--data DIR` | `log.dirs=DIR` |\n"
    "| `--ephemeral` | a private folder below `$TMPDIR`, nothing is synced, removed at exit; folders that killed runs "
    "left are "
    "removed by the next ephemeral run |\n"
    "| `--version`, `--help` | print and exit |\n"
    "\n"
    "Exit status: 0 after a stop, 1 when the broker failed, 64 for a command line that cannot be understood, 78 for a "
    "wrong "
    "setting or file. Every such error is one line on standard error, with place, setting and what it must be.\n"
    "\n"
    "## What differs from Kafka\n"
    "\n"
    "- Defaults that suit one node: `node.id` 1, `listeners` on localhost (127.0.0.1 and ::1), "
    "`group.initial.rebalance.delay.ms` 0, and 1 for replication factor and min ISR of the internal topics. "
    "`process.roles` and "
    "`controller.listener.names` need not be set. The data folder is Kafka's own default, `/tmp/kafka-logs`, which "
    "systems may "
    "empty: set `log.dirs`.\n"
    "- Without `advertised.listeners` each client is told the address that it connected to, so a listener on 0.0.0.0 "
    "needs none.\n"
    "- Listeners named in `controller.listener.names` are not opened.\n"
    "- What promises safety and is not built yet (TLS, SASL, an authorizer, policies) refuses to start when it is set "
    "to "
    "anything but its default.\n"
    "- A new or empty data folder is formatted by the first start; a folder of Kafka (KRaft) is taken as it is.\n"
    "- An empty item in a list, and NaN as a number, are errors everywhere.\n"
    "\n"
    "*Effect*: **yes**: as in Kafka. *later*: accepted and described, its feature is not served yet. *none*: accepted "
    "without effect, as it is about other brokers, Java's threads or its metrics. *refused*: see above. What is "
    "dynamic "
    "in Kafka may be changed here as well while the broker runs, at once for all topics without a value of their own; "
    "but for listeners and what is refused.\n";

static const char *effect_text(enum config_effect effect)
{
    switch (effect) {
    case CONFIG_SERVED:
        return "**yes**";
    case CONFIG_LATER:
        return "later";
    case CONFIG_UNUSED:
        return "none";
    case CONFIG_REFUSED_TLS:
    case CONFIG_REFUSED_SASL:
    case CONFIG_REFUSED_AUTHORIZER:
    case CONFIG_REFUSED_JAVA:
    case CONFIG_REFUSED_TIERED:
        break;
    }
    return "refused";
}

/* A default or a range in a cell of a table. */
static void print_text(const char *text)
{
    if (text == NULL) {
        printf("null | ");
    } else if (*text == '\0') {
        printf("(empty) | ");
    } else if (strcmp(text, "9223372036854775807") == 0) {
        printf("max int64 | ");
    } else if (strcmp(text, "2147483647") == 0) {
        printf("max int32 | ");
    } else {
        printf("`%s` | ", text);
    }
}

static void print_allowed(const char *allowed)
{
    if (allowed == NULL) {
        printf(" | ");
    } else {
        printf("`%s` | ", allowed);
    }
}

static void print_topic_settings(void)
{
    printf("\n## Topic settings\n\n| name | type | default | allowed | broker setting | effect | |\n"
           "| --- | --- | --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < topic_config_definitions_count; i++) {
        const struct topic_config_definition *definition = &topic_config_definitions[i];
        printf("| `%s` | %s | ", definition->name, config_type_name(definition->type));
        print_text(definition->default_text);
        print_allowed(definition->allowed);
        print_allowed(definition->synonym);
        printf("%s | %s |\n", effect_text(definition->effect), definition->documentation);
    }
}

static void print_resource_settings(const char *title, const char *sentence, const struct resource_kind *kind)
{
    printf("\n## %s\n\n%s\n\n| name | type | default | allowed | broker setting | |\n"
           "| --- | --- | --- | --- | --- | --- |\n",
           title, sentence);
    for (int i = 0; i < kind->settings_count; i++) {
        const struct resource_setting *setting = &kind->settings[i];
        if (setting->internal)
            continue;
        printf("| `%s` | %s | ", setting->name, config_type_name(setting->type));
        if (setting->synonym != NULL)
            printf("| ");
        else
            print_text(setting->default_text);
        print_allowed(setting->allowed);
        print_allowed(setting->synonym);
        printf("%s |\n", setting->documentation);
    }
}

static void print_broker_settings(const char *title, bool served)
{
    static const char *const dynamic[] = {
        [CONFIG_FIXED] = "", [CONFIG_PER_BROKER] = "per broker", [CONFIG_CLUSTER] = "cluster"};
    printf("\n## %s\n\n| name | type | default | allowed | dynamic | effect | |\n"
           "| --- | --- | --- | --- | --- | --- | --- |\n",
           title);
    for (int i = 0; i < config_definitions_count; i++) {
        const struct config_definition *definition = &config_definitions[i];
        if ((definition->effect == CONFIG_SERVED) != served) {
            continue;
        }
        printf("| `%s`%s | %s | ", definition->name, definition->internal ? " (internal)" : "",
               config_type_name(definition->type));
        print_text(definition->default_text);
        print_allowed(definition->allowed);
        printf("%s | %s | %s |\n", dynamic[definition->dynamic], effect_text(definition->effect),
               config_documentation(definition));
    }
}

int main(void)
{
    fputs(head, stdout);
    print_broker_settings("Broker settings that are served", true);
    print_topic_settings();
    print_resource_settings("Settings of groups",
                            "They are checked, kept and described. What they bound is not served yet.", &group_kind);
    print_resource_settings("Settings of client metrics subscriptions",
                            "They are checked, kept and described. Metrics of clients are not collected yet.",
                            &client_metrics_kind);
    print_broker_settings("Other broker settings of Apache Kafka 4.4.0", false);
    return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
