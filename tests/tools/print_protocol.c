/* print_protocol: docs/protocol.md on standard output, from the tables that the broker itself uses (make docs). */
#include "broker/dispatch.h"

#include "messages.h"

#include <inttypes.h>

static void print_text(const char *text)
{
    fputs(text, stdout);
}

/* "3" or "3-7" */
static void print_versions(struct kp_versions versions)
{
    if (versions.first == versions.last)
        printf("%d", versions.first);
    else
        printf("%d-%d", versions.first, versions.last);
}

static void print_flexible(int16_t flexible_from, struct kp_versions versions)
{
    if (flexible_from > versions.last)
        print_text("never");
    else
        printf("%d", flexible_from > versions.first ? flexible_from : versions.first);
}

static void print_apis(void)
{
    int served = 0, pairs = 0;
    print_text("| key | API | versions | flexible from | served |\n| --- | --- | --- | --- | --- |\n");
    for (int i = 0; i < KP_APIS_COUNT; i++) {
        const struct kp_api *api = &kp_apis[i];
        bool here = dispatch_serves(api->key);
        printf("| %d | %s | ", api->key, api->name);
        print_versions(api->versions);
        print_text(" | ");
        print_flexible(api->flexible_from, api->versions);
        printf(" | %s |\n", here ? "yes" : "");
        served += here;
        pairs += api->versions.last - api->versions.first + 1;
    }
    printf("\n%d APIs, %d pairs of API and version, %d APIs served.\n", KP_APIS_COUNT, pairs, served);
}

static void print_records(void)
{
    static const struct {
        enum kp_record_kind kind;
        const char *place;
    } kinds[] = {
        {KP_RECORD_METADATA,    "`__cluster_metadata`, behind a frame"},
        {KP_RECORD_CONTROL,     "control records"                     },
        {KP_RECORD_GROUP_KEY,   "`__consumer_offsets`, keys"          },
        {KP_RECORD_GROUP_VALUE, "`__consumer_offsets`, values"        },
        {KP_RECORD_TXN_KEY,     "`__transaction_state`, keys"         },
        {KP_RECORD_TXN_VALUE,   "`__transaction_state`, values"       },
        {KP_RECORD_SHARE_KEY,   "`__share_group_state`, keys"         },
        {KP_RECORD_SHARE_VALUE, "`__share_group_state`, values"       },
    };
    print_text("| where | type | record | versions | flexible from |\n| --- | --- | --- | --- | --- |\n");
    for (size_t k = 0; k < COUNT_OF(kinds); k++)
        for (int i = 0; i < KP_RECORD_TYPES_COUNT; i++) {
            const struct kp_record_type *record = &kp_record_types[i];
            if (record->kind != kinds[k].kind)
                continue;
            printf("| %s | %d | `%s` | ", kinds[k].place, record->type, record->schema->name);
            print_versions(record->schema->versions);
            print_text(" | ");
            print_flexible(record->schema->flexible_from, record->schema->versions);
            print_text(" |\n");
        }
}

int main(void)
{
    print_text("# The protocol\n\n"
               "Written by `make docs` from the tables of the program; `make check` compares. Each message is "
               "described once, in\n"
               "`protocol/schema`; `docs/decisions/0001-message-schemas.md` says why in that way.\n\n"
               "## APIs\n\n"
               "All that a client listener of Apache Kafka 4.4.0 has, with its stable versions. ApiVersions advertises "
               "those that\n"
               "are served, with these ranges; Produce is shown from 0 on, as Kafka does for older clients, and served "
               "from 3.\n\n");
    print_apis();
    print_text("\n## Records\n\nWhat Kafka keeps in its metadata log and internal topics.\n\n");
    print_records();
    return 0;
}
