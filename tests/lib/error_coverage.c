/* See error_coverage.h. */
#include "error_coverage.h"

#include "message_value.h"
#include "value_text.h"

#include <string.h>

#define ERROR_FIELD "error_code" /* and fields whose names end so */

/* ---- the file ---------------------------------------------------------------------------------------------------- */

static const struct error_reason *find_reason(const struct error_coverage *coverage, const char *name)
{
    const struct error_reason *reason = coverage->reasons;
    while (reason && strcmp(reason->name, name) != 0)
        reason = reason->next;
    return reason;
}

static bool read_reason(struct error_coverage *coverage, struct value_reader *reader)
{
    struct error_reason *reason = value_alloc(coverage->arena, sizeof *reason);
    reason->name = value_read_word(reader, coverage->arena);
    const struct value *text = reason->name ? value_read(reader, coverage->arena) : NULL;
    if (!text || text->type != VALUE_STRING)
        return value_fail(reader, "a reason's name and its text were expected") != NULL;
    reason->text = text->text.data;
    struct error_reason **end = &coverage->reasons;
    while (*end)
        end = &(*end)->next;
    *end = reason;
    return true;
}

static struct error_named *find_error(struct error_named *errors, struct kp_string error)
{
    while (errors && !kp_string_is(error, errors->error))
        errors = errors->next;
    return errors;
}

static struct error_named *add_error(struct error_coverage *coverage, struct error_named **errors, const char *error)
{
    struct error_named *named = value_alloc(coverage->arena, sizeof *named);
    *named = (struct error_named){.error = error};
    while (*errors)
        errors = &(*errors)->next;
    *errors = named;
    return named;
}

/* The names of errors that follow: words in capitals. */
static bool read_errors(struct error_coverage *coverage, struct value_reader *reader, size_t api,
                        const struct error_reason *beyond)
{
    for (;;) {
        const char *word = value_peek_word(reader, coverage->arena);
        if (!word || word[0] < 'A' || word[0] > 'Z')
            return true;
        int32_t line = reader->line;
        value_read_word(reader, coverage->arena);
        int16_t code;
        if (!error_code_of(kp_string_of(word), &code))
            return value_fail(reader, "no error is named %s", word) != NULL;
        if (find_error(coverage->apis[api].errors, kp_string_of(word)))
            return value_fail(reader, "%s stands twice", word) != NULL;
        struct error_named *named = add_error(coverage, &coverage->apis[api].errors, word);
        named->line = line;
        named->beyond = beyond;
    }
}

static bool read_api(struct error_coverage *coverage, struct value_reader *reader)
{
    const char *name = value_read_word(reader, coverage->arena);
    const struct kp_api *api = name ? player_api(name) : NULL;
    if (!api || coverage->apis[api - kp_apis].listed)
        return value_fail(reader, "the name of an API was expected, each once") != NULL;
    coverage->apis[api - kp_apis].listed = true;
    for (;;) {
        const struct error_reason *beyond = NULL;
        if (value_accept_word(reader, "beyond")) {
            const char *reason = value_read_word(reader, coverage->arena);
            beyond = reason ? find_reason(coverage, reason) : NULL;
            if (!beyond)
                return value_fail(reader, "the name of a reason was expected behind beyond") != NULL;
        } else if (!value_accept_word(reader, "shown")) {
            return true;
        }
        if (!read_errors(coverage, reader, (size_t)(api - kp_apis), beyond))
            return false;
    }
}

bool error_coverage_parse(struct error_coverage *coverage, const char *text, size_t size, struct arena *arena,
                          const char **error)
{
    *coverage = (struct error_coverage){.arena = arena};
    struct value_reader reader;
    value_reader_init(&reader, text, size);
    while (!reader.error[0] && value_skip_blanks(&reader)) {
        if (value_accept_word(&reader, "reason"))
            read_reason(coverage, &reader);
        else if (value_accept_word(&reader, "api"))
            read_api(coverage, &reader);
        else
            value_fail(&reader, "reason or api was expected");
    }
    *error = reader.error[0] ? value_printf(arena, "line %d: %s", reader.line, reader.error) : NULL;
    return !reader.error[0];
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static bool is_error_field(const char *key)
{
    size_t size = key ? strlen(key) : 0, end = strlen(ERROR_FIELD);
    return size >= end && strcmp(key + size - end, ERROR_FIELD) == 0;
}

static void note_value(struct error_coverage *coverage, size_t api, const struct value *value)
{
    if (value->type == VALUE_WORD && is_error_field(value->key) && !kp_string_is(value->text, "NONE")) {
        struct error_named *named = find_error(coverage->apis[api].errors, value->text);
        if (!named)
            named = find_error(coverage->apis[api].others, value->text);
        if (!named)
            named = add_error(coverage, &coverage->apis[api].others,
                              value_printf(coverage->arena, "%.*s", (int)value->text.size, value->text.data));
        named->seen = true;
    }
    if (value->type == VALUE_OBJECT || value->type == VALUE_LIST)
        for (const struct value *item = value->first; item; item = item->next)
            note_value(coverage, api, item);
}

void error_coverage_note(struct error_coverage *coverage, const struct recorded *recording)
{
    for (; recording; recording = recording->next) {
        const struct kp_api *api = player_api(recording->api);
        if (api && recording->answer)
            note_value(coverage, (size_t)(api - kp_apis), recording->answer);
    }
}

int32_t error_coverage_check(const struct error_coverage *coverage, const struct kp_versions advertised[KP_APIS_COUNT])
{
    int32_t wrong = 0, shown = 0, beyond = 0;
    for (size_t i = 0; i < KP_APIS_COUNT; i++) {
        const char *api = kp_apis[i].name;
        if (advertised[i].first > advertised[i].last)
            continue;
        if (!coverage->apis[i].listed) {
            printf("FAIL the errors of %s are not listed\n", api);
            wrong++;
        }
        for (const struct error_named *named = coverage->apis[i].errors; named; named = named->next) {
            shown += !named->beyond && named->seen;
            beyond += named->beyond && !named->seen;
            if (named->seen == !named->beyond)
                continue;
            printf(named->beyond ? "FAIL line %d: %s does answer %s: it is not beyond reach\n"
                                 : "FAIL line %d: no recorded answer of %s has %s\n",
                   named->line, api, named->error);
            wrong++;
        }
        for (const struct error_named *named = coverage->apis[i].others; named; named = named->next) {
            printf("FAIL %s answers %s, which is not listed\n", api, named->error);
            wrong++;
        }
    }
    printf("conformance: %d errors shown, %d beyond reach with their reason, %d wrong\n", shown, beyond, wrong);
    return wrong;
}
