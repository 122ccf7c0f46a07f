/* Reading and writing recorded answers. */
#include "recording.h"
#include "value_text.h"

#include <string.h>

#define RECORDING_WIDTH 120 /* columns of a line, where the values allow it */

static bool has_version(const struct recorded *recorded, int32_t version)
{
    return version >= recorded->version_min && version <= recorded->version_max;
}

static bool parse_range(const char *text, struct recorded *recorded)
{
    char *end;
    recorded->version_min = (int32_t)strtol(text, &end, 10);
    recorded->version_max = *end == '-' ? (int32_t)strtol(end + 1, &end, 10) : recorded->version_min;
    return *end == '\0';
}

/* Files have no versions and no schema. */
static bool is_files(const char *api)
{
    return strcmp(api, PLAYER_FILES) == 0 || strcmp(api, PLAYER_GROUP_LOG) == 0 ||
           strcmp(api, PLAYER_TRANSACTION_LOG) == 0;
}

static struct recorded *read_recorded(struct value_reader *reader, struct arena *arena, const char *scenario)
{
    struct recorded *recorded = value_alloc(arena, sizeof *recorded);
    recorded->scenario = scenario;
    recorded->version_min = recorded->version_max = -1;
    const char *number = value_read_word(reader, arena);
    recorded->api = value_read_word(reader, arena);
    if (!number || !recorded->api || (!player_api(recorded->api) && !is_files(recorded->api)))
        return value_fail(reader, "a step's number and its API were expected");
    recorded->step_number = (int32_t)strtol(number, NULL, 10);
    const char *word = value_peek_word(reader, arena);
    if (word && strcmp(word, "closed") != 0 && !parse_range(value_read_word(reader, arena), recorded))
        return value_fail(reader, "'%s' is no range of versions", word);
    if (!value_accept_word(reader, "closed"))
        recorded->answer = value_read(reader, arena);
    return reader->error[0] ? NULL : recorded;
}

bool recording_parse(const char *text, size_t size, struct arena *arena, struct recorded **recording,
                     const char **error)
{
    struct value_reader reader;
    value_reader_init(&reader, text, size);
    struct recorded **end = recording;
    *end = NULL;
    const char *scenario = NULL;
    while (!reader.error[0] && value_skip_blanks(&reader)) {
        if (value_accept_word(&reader, "scenario"))
            scenario = value_read_word(&reader, arena);
        else if ((*end = read_recorded(&reader, arena, scenario)))
            end = &(*end)->next;
    }
    *error = reader.error[0] ? value_printf(arena, "line %d: %s", reader.line, reader.error) : NULL;
    return !reader.error[0];
}

const struct recorded *recording_find(const struct recorded *recording, const char *scenario, int32_t step_number,
                                      int32_t version)
{
    for (; recording; recording = recording->next)
        if (recording->step_number == step_number && has_version(recording, version) &&
            strcmp(recording->scenario, scenario) == 0)
            return recording;
    return NULL;
}

int32_t recording_count(const struct recorded *recording, const char *scenario, int32_t version)
{
    int32_t count = 0;
    for (; recording; recording = recording->next)
        count += has_version(recording, version) && strcmp(recording->scenario, scenario) == 0;
    return count;
}

/* ---- one text for several versions ------------------------------------------------------------------------------ */

static struct value *merge_structs(const struct kp_schema *schema, const struct value *a, const struct value *b,
                                   struct arena *arena);

/* One value with the fields of both; NULL when a field that both have differs. Either may be NULL. */
static struct value *merge(const struct kp_field *field, const struct value *a, const struct value *b,
                           struct arena *arena)
{
    if (!a || !b)
        return value_copy(arena, a ? a : b);
    if (field->type != KP_STRUCT || a->type != b->type)
        return value_equal(a, b) ? value_copy(arena, a) : NULL;
    if (a->type == VALUE_OBJECT)
        return merge_structs(field->schema, a, b, arena);
    if (a->type != VALUE_LIST || value_count(a) != value_count(b))
        return value_equal(a, b) ? value_copy(arena, a) : NULL;
    struct value *list = value_new(arena, VALUE_LIST);
    for (a = a->first, b = b->first; a; a = a->next, b = b->next) {
        struct value *item = merge_structs(field->schema, a, b, arena);
        if (!item)
            return NULL;
        value_append(list, item);
    }
    return list;
}

static struct value *merge_structs(const struct kp_schema *schema, const struct value *a, const struct value *b,
                                   struct arena *arena)
{
    struct value *object = value_new(arena, VALUE_OBJECT);
    for (uint16_t i = 0; i < schema->fields_count; i++) {
        const struct kp_field *field = &schema->fields[i];
        const struct value *in_a = value_get(a, field->name), *in_b = value_get(b, field->name);
        if (!in_a && !in_b)
            continue;
        struct value *member = merge(field, in_a, in_b, arena);
        if (!member)
            return NULL;
        value_set(object, field->name, member);
    }
    return object;
}

/* Remove the fields that `version` lacks. */
static void leave_out(const struct kp_schema *schema, struct value *value, int16_t version)
{
    struct value *left = value->first;
    value->first = value->last = NULL;
    while (left) {
        struct value *member = left;
        left = left->next;
        const struct kp_field *field = kp_schema_field(schema, kp_string_of(member->key));
        if (field && !kp_versions_has(field->versions, version))
            continue;
        value_append(value, member);
        if (!field || field->type != KP_STRUCT)
            continue;
        if (member->type == VALUE_OBJECT)
            leave_out(field->schema, member, version);
        for (struct value *item = member->type == VALUE_LIST ? member->first : NULL; item; item = item->next)
            leave_out(field->schema, item, version);
    }
}

void recorded_narrow(const struct recorded *recorded, struct value *answer, int16_t version)
{
    if (!is_files(recorded->api))
        leave_out(player_api(recorded->api)->response, answer, version);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static const struct outcome *outcome_of(const struct play *play, int32_t step_number)
{
    const struct outcome *outcome = play->outcomes;
    while (outcome && outcome->number != step_number)
        outcome = outcome->next;
    ASSERT(outcome);
    return outcome;
}

/* What serves for both answers; NULL: nothing does. */
static struct value *merge_answers(const char *api, struct value *a, const struct value *b, struct arena *arena)
{
    if (is_files(api))
        return value_equal(a, b) ? a : NULL;
    return merge_structs(player_api(api)->response, a, b, arena);
}

/* The answers to one step in the plays from `first` on, as long as one text serves them; *next is the play behind them.
 * NULL: the connection was closed. */
static struct value *merge_plays(const struct play *plays, int32_t first, int32_t count, int32_t step_number,
                                 int32_t *next, struct arena *arena)
{
    const struct outcome *outcome = outcome_of(&plays[first], step_number);
    struct value *merged = outcome->answer;
    for (*next = first + 1; *next < count; ++*next) {
        const struct value *answer = outcome_of(&plays[*next], step_number)->answer;
        if (!merged != !answer)
            break;
        struct value *both = merged ? merge_answers(outcome->api, merged, answer, arena) : NULL;
        if (merged && !both)
            break;
        merged = both;
    }
    return merged;
}

void recording_write(FILE *file, const struct scenario *scenario, const struct play *plays, int32_t version_min,
                     int32_t count, struct arena *arena)
{
    fprintf(file, "\nscenario %s\n", scenario->name);
    for (const struct outcome *outcome = plays[0].outcomes; outcome; outcome = outcome->next) {
        for (int32_t first = 0, next; first < count; first = next) {
            const struct value *answer = merge_plays(plays, first, count, outcome->number, &next, arena);
            int column = fprintf(file, "%d %s ", outcome->number, outcome->api);
            if (version_min >= 0)
                column +=
                    fprintf(file, next == first + 1 ? "%d " : "%d-%d ", version_min + first, version_min + next - 1);
            fprintf(file, "%s\n", answer ? value_print(arena, answer, column, RECORDING_WIDTH) : "closed");
        }
    }
}
