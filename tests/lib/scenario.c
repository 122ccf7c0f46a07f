/* The parser of scenario files. A file is a row of scenarios, a scenario a row of steps, a step may carry notes:
 *
 *     scenario NAME [for API MIN-MAX]
 *       let NAME = VALUE
 *       topic NAME [partitions N] [configs OBJECT]
 *       [CONNECTION:] [send] API [vN] OBJECT
 *       [CONNECTION:] receive [API vN]
 *       [CONNECTION:] waiting | close | frame BYTES | raw BYTES
 *       pass N ms
 *       stop | kill | (start | restart) [with OBJECT]
 *       files NAME [partition N]
 *       group NAME
 *       group_log NAME
 *     notes of the step before:
 *         expect PATH = VALUE             bind NAME = PATH
 *         until PATH = VALUE              eventually PATH = VALUE
 *         pick PATH where FIELD (begins STRING | in LIST)
 *         differs PATH = VALUE because STRING
 *         lacks PATH because STRING
 *         closes                          takes N ms                    unanswered
 *
 * Blanks and ends of lines only separate. What a step means is player.c's; here only its form is checked. */
#include "scenario.h"
#include "value_text.h"

#include <string.h>

#define CONNECTION_MAIN "main"

/* "v12" or "12"; -1 when it is neither. */
static int32_t parse_version(const char *text)
{
    char *end;
    text += *text == 'v';
    long version = strtol(text, &end, 10);
    return end != text && *end == '\0' && version >= 0 && version <= INT16_MAX ? (int32_t)version : -1;
}

static bool read_number(struct value_reader *reader, struct arena *arena, int64_t *number)
{
    struct value *value = value_read(reader, arena);
    if (!value || value->type != VALUE_INT)
        return value_fail(reader, "a whole number was expected") != NULL;
    *number = value->number;
    return true;
}

static bool read_milliseconds(struct value_reader *reader, struct arena *arena, int64_t *number)
{
    if (!read_number(reader, arena, number))
        return false;
    return value_accept_word(reader, "ms") || value_fail(reader, "'ms' was expected") != NULL;
}

static struct value *read_of_type(struct value_reader *reader, struct arena *arena, enum value_type type,
                                  const char *what)
{
    struct value *value = value_read(reader, arena);
    if (value && value->type != type)
        return value_fail(reader, "%s was expected", what);
    return value;
}

static bool read_equals(struct value_reader *reader)
{
    return value_accept(reader, '=') || value_fail(reader, "'=' was expected") != NULL;
}

static bool read_word(struct value_reader *reader, const char *word)
{
    return value_accept_word(reader, word) || value_fail(reader, "'%s' was expected", word) != NULL;
}

/* One note of `step`, if one comes next. False: none, or an error. */
static bool read_note(struct value_reader *reader, struct arena *arena, struct step *step)
{
    if (value_accept_word(reader, "closes")) {
        step->expect_closed = true;
        return true;
    }
    if (value_accept_word(reader, "unanswered")) {
        step->unanswered = true;
        return true;
    }
    if (value_accept_word(reader, "takes"))
        return read_milliseconds(reader, arena, &step->at_least_ms);

    struct step_note *note = value_alloc(arena, sizeof *note);
    bool ok;
    if (value_accept_word(reader, "bind")) {
        note->kind = NOTE_BIND;
        ok = (note->name = value_read_word(reader, arena)) && read_equals(reader) &&
             (note->path = value_read_path(reader, arena));
    } else if (value_accept_word(reader, "pick")) {
        note->kind = NOTE_PICK;
        ok = (note->path = value_read_path(reader, arena)) && read_word(reader, "where") &&
             (note->name = value_read_word(reader, arena));
        if (ok && value_accept_word(reader, "in"))
            ok = (note->value = read_of_type(reader, arena, VALUE_LIST, "a list"));
        else if (ok)
            ok = read_word(reader, "begins") && (note->value = read_of_type(reader, arena, VALUE_STRING, "a string"));
    } else {
        bool expect = value_accept_word(reader, "expect");
        bool until = !expect && value_accept_word(reader, "until");
        bool eventually = !expect && !until && value_accept_word(reader, "eventually");
        bool condition = expect || until || eventually;
        bool lacks = !condition && value_accept_word(reader, "lacks");
        bool differs = lacks || (!condition && value_accept_word(reader, "differs"));
        if (!condition && !differs)
            return false;
        note->kind = expect ? NOTE_EXPECT : until ? NOTE_UNTIL : eventually ? NOTE_EVENTUALLY : NOTE_DIFFERS;
        ok = (note->path = value_read_path(reader, arena)) &&
             (lacks || (read_equals(reader) && (note->value = value_read(reader, arena))));
        struct value *why = NULL;
        if (ok && differs)
            ok = read_word(reader, "because") &&
                 (why = read_of_type(reader, arena, VALUE_STRING, "a string with the reason"));
        if (ok && why)
            note->why = why->text.data;
    }
    if (!ok)
        return false;
    struct step_note **end = &step->notes;
    while (*end)
        end = &(*end)->next;
    *end = note;
    return true;
}

static bool read_topic(struct value_reader *reader, struct arena *arena, struct step *step)
{
    step->kind = STEP_TOPIC;
    step->number = 1;
    step->name = value_read_word(reader, arena);
    if (step->name && value_accept_word(reader, "partitions") && !read_number(reader, arena, &step->number))
        return false;
    if (step->name && value_accept_word(reader, "configs") &&
        !(step->value = read_of_type(reader, arena, VALUE_OBJECT, "an object with configs")))
        return false;
    return step->name != NULL;
}

static bool read_files(struct value_reader *reader, struct arena *arena, struct step *step)
{
    step->kind = STEP_FILES;
    step->name = value_read_word(reader, arena);
    return step->name && (!value_accept_word(reader, "partition") || read_number(reader, arena, &step->number));
}

/* A step that is a word and a name. */
static bool accept_named_step(struct value_reader *reader, struct arena *arena, struct step *step)
{
    static const struct {
        const char *word;
        enum step_kind kind;
    } words[] = {
        {"group",           STEP_GROUP          },
        {"group_log",       STEP_GROUP_LOG      },
        {"transaction",     STEP_TRANSACTION    },
        {"transaction_log", STEP_TRANSACTION_LOG},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!value_accept_word(reader, words[i].word))
            continue;
        step->kind = words[i].kind;
        step->name = value_read_word(reader, arena);
        return true;
    }
    return false;
}

/* A step about the broker's process: a word, and its settings when it starts. */
static bool accept_process_step(struct value_reader *reader, struct arena *arena, struct step *step)
{
    static const struct {
        const char *word;
        enum step_kind kind;
    } words[] = {
        {"stop",    STEP_STOP   },
        {"kill",    STEP_KILL   },
        {"start",   STEP_START  },
        {"restart", STEP_RESTART},
    };
    for (size_t i = 0; i < COUNT_OF(words); i++) {
        if (!value_accept_word(reader, words[i].word))
            continue;
        step->kind = words[i].kind;
        if ((step->kind == STEP_START || step->kind == STEP_RESTART) && value_accept_word(reader, "with"))
            step->value = read_of_type(reader, arena, VALUE_OBJECT, "an object with settings");
        return true;
    }
    return false;
}

/* Is the word that comes next a connection's name, that is, followed by a colon? It is taken then. */
static const char *accept_connection(struct value_reader *reader, struct arena *arena)
{
    struct value_reader ahead = *reader;
    const char *word = value_read_word(&ahead, arena);
    if (!word || !value_accept(&ahead, ':'))
        return NULL;
    *reader = ahead;
    return word;
}

static bool comes_api(struct value_reader *reader, struct arena *arena)
{
    struct value_reader ahead = *reader;
    const char *word = value_peek_word(&ahead, arena);
    return word && word[0] >= 'A' && word[0] <= 'Z' && !accept_connection(&ahead, arena);
}

/* What may stand behind "CONNECTION:", which is optional. */
static bool read_exchange(struct value_reader *reader, struct arena *arena, struct step *step)
{
    if (value_accept_word(reader, "waiting")) {
        step->kind = STEP_WAITING;
        return true;
    }
    if (value_accept_word(reader, "close")) {
        step->kind = STEP_CLOSE;
        return true;
    }
    if (value_accept_word(reader, "client")) {
        step->kind = STEP_CLIENT;
        return (step->value = read_of_type(reader, arena, VALUE_STRING, "a client id")) != NULL;
    }
    bool frame = value_accept_word(reader, "frame");
    if (frame || value_accept_word(reader, "raw")) {
        step->kind = frame ? STEP_FRAME : STEP_RAW;
        return (step->value = read_of_type(reader, arena, VALUE_BYTES, "x\"...\" with hexadecimal digits")) != NULL;
    }
    step->kind = value_accept_word(reader, "receive") ? STEP_RECEIVE
                 : value_accept_word(reader, "send")  ? STEP_SEND
                                                      : STEP_REQUEST;
    if (step->kind == STEP_RECEIVE && !comes_api(reader, arena))
        return true;
    step->api = value_read_word(reader, arena);
    if (!step->api)
        return false;
    const char *word = value_peek_word(reader, arena);
    if (word && word[0] == 'v' && parse_version(word) >= 0)
        step->version = parse_version(value_read_word(reader, arena));
    if (step->kind == STEP_RECEIVE)
        return step->version >= 0 ||
               value_fail(reader, "a version was expected: the request was sent as bytes") != NULL;
    return (step->value = read_of_type(reader, arena, VALUE_OBJECT, "the request's fields")) != NULL;
}

/* NULL at the end of the scenario or on an error. */
static struct step *read_step(struct value_reader *reader, struct arena *arena)
{
    const char *word = value_peek_word(reader, arena);
    if (!word || strcmp(word, "scenario") == 0)
        return NULL;
    struct step *step = value_alloc(arena, sizeof *step);
    step->version = -1;
    step->connection = CONNECTION_MAIN;
    step->line = reader->line;
    bool ok;
    if (value_accept_word(reader, "let")) {
        step->kind = STEP_LET;
        ok = (step->name = value_read_word(reader, arena)) && read_equals(reader) &&
             (step->value = value_read(reader, arena));
    } else if (value_accept_word(reader, "topic")) {
        ok = read_topic(reader, arena, step);
    } else if (accept_named_step(reader, arena, step)) {
        ok = step->name != NULL;
    } else if (value_accept_word(reader, "pass")) {
        step->kind = STEP_PASS;
        ok = read_milliseconds(reader, arena, &step->number);
    } else if (value_accept_word(reader, "files")) {
        ok = read_files(reader, arena, step);
    } else if (accept_process_step(reader, arena, step)) {
        ok = true;
    } else {
        const char *connection = accept_connection(reader, arena);
        if (connection)
            step->connection = connection;
        ok = read_exchange(reader, arena, step);
    }
    while (ok && read_note(reader, arena, step))
        ;
    return reader->error[0] ? NULL : step;
}

static struct scenario *read_scenario(struct value_reader *reader, struct arena *arena)
{
    struct scenario *scenario = value_alloc(arena, sizeof *scenario);
    if (!read_word(reader, "scenario"))
        return NULL;
    scenario->line = reader->line;
    scenario->name = value_read_word(reader, arena);
    if (scenario->name && value_accept_word(reader, "for")) {
        scenario->api = value_read_word(reader, arena);
        char *range = scenario->api ? (char *)value_read_word(reader, arena) : NULL;
        char *dash = range ? strchr(range, '-') : NULL;
        if (dash)
            *dash = '\0';
        scenario->version_min = range ? parse_version(range) : -1;
        scenario->version_max = dash ? parse_version(dash + 1) : scenario->version_min;
        if (scenario->version_min < 0 || scenario->version_max < scenario->version_min)
            return value_fail(reader, "versions such as 4-18 were expected");
    }
    struct step **end = &scenario->steps;
    while (!reader->error[0] && (*end = read_step(reader, arena)))
        end = &(*end)->next;
    return reader->error[0] ? NULL : scenario;
}

struct scenario *scenario_parse(const char *text, size_t size, struct arena *arena, const char **error)
{
    struct value_reader reader;
    value_reader_init(&reader, text, size);
    struct scenario *scenarios = NULL, **end = &scenarios;
    while (!reader.error[0] && value_skip_blanks(&reader)) {
        *end = read_scenario(&reader, arena);
        for (const struct scenario *other = scenarios; *end && other != *end; other = other->next)
            if (strcmp(other->name, (*end)->name) == 0)
                value_fail(&reader, "scenario '%s' stands twice", other->name);
        if (*end)
            end = &(*end)->next;
    }
    *error = reader.error[0] ? value_printf(arena, "line %d: %s", reader.line, reader.error) : NULL;
    return reader.error[0] ? NULL : scenarios;
}
