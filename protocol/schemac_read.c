/* Reads schema files: lines, then a descent along their indent. The format is told in schemac.c.
 *
 * Each word of a line is looked at once and each mistake ends the process with the file and the line, so what the
 * writer gets is right: names unique, versions in range, shared types defined before their use, and that rules
 * recursion out. */
#include "schemac.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX       8  /* as KP_DEPTH_MAX in codec.h */
#define FIELDS_MAX      64 /* of a struct; as KP_FIELDS_MAX in codec.h */
#define WORDS_MAX       12 /* no line needs more */
#define LINE_BYTES_MAX  512
#define NAME_LENGTH_MAX 60

struct line {
    const char *path;
    int number, level, count;
    char *words[WORDS_MAX];
};

/* The file that is being read, and where its messages go. */
struct source {
    struct schemas *all;
    struct line *lines;
    int count, next;
};

static _Noreturn void fail_at(const struct line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", line->path, line->number);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

static void *must(void *memory)
{
    if (memory == NULL) {
        fputs("schemac: out of memory\n", stderr);
        exit(1);
    }
    return memory;
}

/* Room for one more item in an array of `count` items of `size` bytes. */
static void *grow(void *items, int count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return items;
    return must(realloc(items, size * (size_t)(count == 0 ? 1 : 2 * count)));
}

static char *join(const char *a, const char *b)
{
    char *text = must(malloc(strlen(a) + strlen(b) + 2));
    sprintf(text, "%s_%s", a, b);
    return text;
}

/* The words of one line, without its comment, into memory of their own. */
static void split_line(struct line *line, char *text)
{
    int indent = (int)strspn(text, " ");
    text[strcspn(text, "#\n")] = '\0';
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
        if (line->count == WORDS_MAX)
            fail_at(line, "more than %d words", WORDS_MAX);
        line->words[line->count] = must(malloc(strlen(word) + 1));
        strcpy(line->words[line->count++], word);
    }
    if (line->count > 0 && indent % 2 != 0)
        fail_at(line, "indent of %d spaces; nest by two", indent);
    line->level = indent / 2;
}

static void read_lines(struct source *in, const char *path)
{
    struct line line = {.path = path};
    char text[LINE_BYTES_MAX];
    FILE *file = fopen(path, "r");
    if (file == NULL)
        fail_at(&line, "%s", strerror(errno));
    for (int number = 1; fgets(text, sizeof text, file) != NULL; number++) {
        line = (struct line){.path = path, .number = number};
        if (strchr(text, '\n') == NULL)
            fail_at(&line, "line without end, or longer than %zu characters", sizeof text - 2);
        if (strchr(text, '\t') != NULL)
            fail_at(&line, "a tab; indent and separate with spaces");
        split_line(&line, text);
        if (line.count == 0)
            continue;
        in->lines = grow(in->lines, in->count, sizeof *in->lines);
        in->lines[in->count++] = line;
    }
    if (ferror(file))
        fail_at(&line, "%s", strerror(errno));
    fclose(file);
}

/* The next line when it is at `level`, else NULL. */
static struct line *peek(const struct source *in, int level)
{
    return in->next < in->count && in->lines[in->next].level == level ? &in->lines[in->next] : NULL;
}

static int64_t parse_integer(const struct line *line, const char *text, int64_t min, int64_t max)
{
    char *end;
    errno = 0;
    int64_t value = strtoll(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        fail_at(line, "\"%s\" is no number from %lld to %lld", text, (long long)min, (long long)max);
    return value;
}

static struct versions parse_versions(const struct line *line, const char *text)
{
    struct versions versions;
    int used = 0;
    if (sscanf(text, "%d-%d%n", &versions.first, &versions.last, &used) == 2 && text[used] == '\0')
        ;
    else if (sscanf(text, "%d%n", &versions.first, &used) == 1 && strcmp(text + used, "+") == 0)
        versions.last = OPEN;
    else if (sscanf(text, "%d%n", &versions.first, &used) == 1 && text[used] == '\0')
        versions.last = versions.first;
    else
        fail_at(line, "\"%s\" are no versions; write 3, 3-7 or 3+", text);
    if (versions.first < 0 || versions.first > versions.last || versions.last > OPEN)
        fail_at(line, "versions \"%s\" are empty or out of range", text);
    return versions;
}

/* Of a message: Kafka says which one is the newest. */
static struct versions parse_closed_versions(const struct line *line, const char *text)
{
    struct versions versions = parse_versions(line, text);
    if (versions.last == OPEN)
        fail_at(line, "versions \"%s\" of a message need an end", text);
    return versions;
}

static const char *check_name(const struct line *line, const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || length > NAME_LENGTH_MAX || name[length] != '\0' || isdigit((unsigned char)name[0]))
        fail_at(line, "\"%s\" is no name in snake_case", name);
    return name;
}

static struct type *find_type(const struct source *in, const struct message *message, const char *local_name)
{
    struct schemas *all = in->all;
    for (int i = 0; i < all->type_count; i++)
        if (all->types[i]->message == message && all->types[i]->local_name != NULL &&
            strcmp(all->types[i]->local_name, local_name) == 0)
            return all->types[i];
    return NULL;
}

/* The word for a field's type: [] in front, a name, ? with versions behind. True when its fields follow. */
static bool parse_type(const struct source *in, const struct line *line, struct field *field,
                       const struct message *message, char *word)
{
    char *mark = strchr(word, '?');

    field->nullable = (struct versions){1, 0};
    if (mark != NULL) {
        *mark = '\0';
        field->nullable = mark[1] != '\0' ? parse_versions(line, mark + 1) : field->versions;
    }
    field->array = strncmp(word, "[]", 2) == 0;
    if (field->array)
        word += 2;
    field->scalar = STRUCT;
    if (*word == '\0' && field->array)
        return true;
    for (int i = 0; i < STRUCT; i++)
        if (strcmp(word, scalars[i].name) == 0)
            field->scalar = (enum scalar)i;
    if (field->scalar != STRUCT || (strcmp(word, "struct") == 0 && !field->array)) {
        bool can_be_null = field->array || field->scalar >= STRING;
        if (mark != NULL && !can_be_null)
            fail_at(line, "a %s cannot be null", word);
        return field->scalar == STRUCT;
    }
    field->type = find_type(in, message, word);
    if (field->type == NULL)
        fail_at(line, "unknown type \"%s\"; shared types come before the fields that use them", word);
    return false;
}

static void check_initial(const struct line *line, const struct field *field)
{
    const char *text = field->initial;
    if (strcmp(text, "null") == 0) {
        if (!is_nullable(field))
            fail_at(line, "default null of a field that is never null");
    } else if (field->array || field->scalar == STRUCT || field->scalar == UUID || field->scalar == BYTES ||
               field->scalar == RECORDS || field->scalar == FLOAT64) {
        fail_at(line, "no default but null is possible here");
    } else if (field->scalar == BOOL) {
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            fail_at(line, "default of a bool is true or false");
    } else if (field->scalar == STRING) {
        if (strcmp(text, "\"\"") != 0)
            fail_at(line, "default of a string is \"\" or null");
    } else {
        parse_integer(line, text, scalars[field->scalar].min, scalars[field->scalar].max);
    }
}

static void parse_attributes(const struct line *line, struct field *field, const struct message *message)
{
    for (int i = 3; i < line->count; i++) {
        const char *word = line->words[i];
        if (strcmp(word, "ignorable") == 0) {
            field->ignorable = true;
        } else if (strcmp(word, "tag") == 0 && i + 1 < line->count) {
            field->tag = (int)parse_integer(line, line->words[++i], 0, INT16_MAX);
            if (field->versions.first < message->flexible_from)
                fail_at(line, "a tagged field in a version that is not flexible");
            if (field->scalar == RECORDS)
                fail_at(line, "records cannot be tagged");
        } else if (strcmp(word, "=") == 0 && i + 1 < line->count) {
            field->initial = line->words[++i];
            check_initial(line, field);
        } else {
            fail_at(line, "\"%s\" is no attribute; known are tag N, ignorable, = DEFAULT", word);
        }
    }
}

static struct type *parse_struct(struct source *in, const struct message *message, char *name, const char *local_name,
                                 int level);

/* The codec bounds a count by the bytes left divided by the shortest item. */
static void check_items_take_bytes(const struct line *line, const struct field *field, const struct message *message)
{
    for (int version = message->versions.first; version <= message->versions.last; version++)
        if (has_version(field->versions, version) && least_bytes(field->type, version) == 0)
            fail_at(line, "an item of version %d would take no byte", version);
}

static void parse_field(struct source *in, struct type *type, const struct line *line, int level)
{
    struct field field = {.tag = -1};

    if (line->count < 3)
        fail_at(line, "a field is NAME TYPE VERSIONS");
    field.name = check_name(line, line->words[0]);
    field.versions = parse_versions(line, line->words[2]);
    bool fields_follow = parse_type(in, line, &field, type->message, line->words[1]);
    parse_attributes(line, &field, type->message);
    if (fields_follow) {
        if (peek(in, level + 1) == NULL)
            fail_at(line, "the fields of %s are missing; indent them below it", field.name);
        field.type = parse_struct(in, type->message, join(type->name, field.name), NULL, level + 1);
    }
    if (field.array && field.type != NULL)
        check_items_take_bytes(line, &field, type->message);
    for (int i = 0; i < type->count; i++) {
        if (strcmp(type->fields[i].name, field.name) == 0)
            fail_at(line, "a second field %s", field.name);
        if (field.tag >= 0 && type->fields[i].tag == field.tag)
            fail_at(line, "a second field with tag %d", field.tag);
    }
    if (field.type != NULL && field.type->depth >= type->depth)
        type->depth = field.type->depth + 1;
    if (type->count == FIELDS_MAX)
        fail_at(line, "more than %d fields", FIELDS_MAX);
    if (type->depth > DEPTH_MAX)
        fail_at(line, "nested deeper than %d", DEPTH_MAX);
    type->fields = grow(type->fields, type->count, sizeof *type->fields);
    type->fields[type->count++] = field;
}

/* The lines at `level`, until one with less indent. */
static struct type *parse_struct(struct source *in, const struct message *message, char *name, const char *local_name,
                                 int level)
{
    struct schemas *all = in->all;
    struct type *type = must(calloc(1, sizeof *type));
    struct line *line;

    *type = (struct type){.name = name, .local_name = local_name, .message = message, .depth = 1};
    while ((line = peek(in, level)) != NULL) {
        in->next++;
        if (level == 1 && strcmp(line->words[0], "type") == 0 && line->count == 2) {
            const char *shared = check_name(line, line->words[1]);
            if (find_type(in, message, shared) != NULL)
                fail_at(line, "a second type %s", shared);
            parse_struct(in, message, join(message->name, shared), shared, level + 1);
        } else {
            parse_field(in, type, line, level);
        }
        if (in->next < in->count && in->lines[in->next].level > level)
            fail_at(&in->lines[in->next], "indented, but the line above has no fields of its own");
    }
    for (int i = 0; i < all->type_count; i++)
        if (strcmp(all->types[i]->name, name) == 0)
            fail_at(&in->lines[in->next - 1], "a second struct kp_%s", name);
    all->types = grow(all->types, all->type_count, sizeof *all->types);
    all->types[all->type_count++] = type;
    return type;
}

/* The words behind the versions of a message. */
static void parse_message_attributes(const struct line *line, int from, int *flexible_from, int *unstable)
{
    *flexible_from = NEVER;
    for (int i = from; i < line->count; i += 2) {
        if (i + 1 < line->count && strcmp(line->words[i], "flexible") == 0)
            *flexible_from = parse_versions(line, line->words[i + 1]).first;
        else if (i + 1 < line->count && unstable != NULL && strcmp(line->words[i], "unstable") == 0)
            *unstable = (int)parse_integer(line, line->words[i + 1], 0, OPEN);
        else
            fail_at(line, "\"%s\" is not known here", line->words[i]);
    }
}

static struct message *parse_message(struct source *in, struct message head)
{
    struct schemas *all = in->all;
    struct message *message = must(malloc(sizeof *message));
    *message = head;
    message->root = parse_struct(in, message, message->name, NULL, 1);
    all->messages = grow(all->messages, all->message_count, sizeof *all->messages);
    all->messages[all->message_count++] = message;
    return message;
}

static struct message *parse_direction(struct source *in, const struct api *api, struct versions versions,
                                       enum section section)
{
    const char *word = section == REQUEST ? "request" : "response";
    struct line *line = peek(in, 0);
    if (line == NULL || line->count != 1 || strcmp(line->words[0], word) != 0)
        fail_at(&in->lines[in->next < in->count ? in->next : in->count - 1], "\"%s\" is expected here", word);
    in->next++;
    return parse_message(in, (struct message){.section = section,
                                              .name = join(api->name, word),
                                              .versions = versions,
                                              .flexible_from = api->flexible_from});
}

static void parse_api(struct source *in, const struct line *line)
{
    struct schemas *all = in->all;
    struct api api = {0};
    int unstable = OPEN;

    if (line->count < 4)
        fail_at(line, "write api KEY NAME VERSIONS");
    api.key = (int)parse_integer(line, line->words[1], 0, INT8_MAX);
    api.name = check_name(line, line->words[2]);
    struct versions versions = parse_closed_versions(line, line->words[3]);
    parse_message_attributes(line, 4, &api.flexible_from, &unstable);
    api.stable = versions;
    if (unstable <= api.stable.last)
        api.stable.last = unstable - 1;
    for (int i = 0; i < all->api_count; i++)
        if (all->apis[i].key == api.key)
            fail_at(line, "a second api with key %d", api.key);
    api.request = parse_direction(in, &api, versions, REQUEST);
    api.response = parse_direction(in, &api, versions, RESPONSE);
    all->apis = grow(all->apis, all->api_count, sizeof *all->apis);
    all->apis[all->api_count++] = api;
}

static void parse_record(struct source *in, const struct line *line)
{
    struct schemas *all = in->all;
    struct message head = {.section = RECORD, .kind = -1};

    if (line->count < 5)
        fail_at(line, "write record KIND TYPE NAME VERSIONS");
    for (int i = 0; i < RECORD_KINDS_COUNT; i++)
        if (strcmp(line->words[1], record_kinds[i]) == 0)
            head.kind = i;
    if (head.kind < 0)
        fail_at(line, "\"%s\" is no kind of record", line->words[1]);
    head.number = (int)parse_integer(line, line->words[2], 0, INT16_MAX);
    for (int i = 0; i < all->message_count; i++)
        if (all->messages[i]->section == RECORD && all->messages[i]->kind == head.kind &&
            all->messages[i]->number == head.number)
            fail_at(line, "a second %s record of type %d", record_kinds[head.kind], head.number);
    head.name = line->words[3];
    check_name(line, head.name);
    head.versions = parse_closed_versions(line, line->words[4]);
    parse_message_attributes(line, 5, &head.flexible_from, NULL);
    parse_message(in, head);
}

void schemas_read(struct schemas *all, const char *path)
{
    struct source source = {.all = all}, *in = &source;
    struct line *line;

    read_lines(in, path);
    while ((line = peek(in, 0)) != NULL) {
        in->next++;
        if (strcmp(line->words[0], "api") == 0) {
            parse_api(in, line);
        } else if (strcmp(line->words[0], "record") == 0) {
            parse_record(in, line);
        } else if (strcmp(line->words[0], "message") == 0 && line->count >= 3) {
            struct message head = {.section = MESSAGE, .name = line->words[1]};
            check_name(line, head.name);
            head.versions = parse_closed_versions(line, line->words[2]);
            parse_message_attributes(line, 3, &head.flexible_from, NULL);
            parse_message(in, head);
        } else {
            fail_at(line, "\"%s\" begins no api, record or message", line->words[0]);
        }
    }
    if (in->next < in->count)
        fail_at(&in->lines[in->next], "indented below nothing");
}
