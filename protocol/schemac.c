/* schemac OUTDIR FILE.msg...: turns protocol/schema/NAME.msg into messages.h (structs and typed wrappers) and
 * messages.c (tables for codec.c). A build tool: it needs nothing but a C compiler, stops at the first mistake with
 * file and line, and leaves its memory to the end of the process.
 *
 * A schema file holds lines; two spaces of indent nest, # begins a comment:
 *
 *     api KEY NAME VERSIONS [flexible N+] [unstable N]      then `request` and `response`, their fields indented
 *     record KIND TYPE NAME VERSIONS [flexible N+]          a stored record, its fields indented
 *     message NAME VERSIONS [flexible N+]                   anything else
 *
 *       type NAME                                           a struct used by several fields below it, its fields
 * indented NAME TYPE VERSIONS [tag N] [ignorable] [= DEFAULT]  a field; those of a `struct` or `[]` follow, indented
 *
 *     VERSIONS  3 or 3-7 or 3+
 *     TYPE      a scalar, `struct`, or the name of a type; [] in front makes an array ([] alone: of structs);
 *               ? behind allows null, ?2+ and ?2-7 in these versions only
 *     DEFAULT   a number, true, "" or null; otherwise zero, false, empty, a struct of defaults
 *
 * C names: message NAME is struct kp_NAME, an api's are kp_NAME_request and kp_NAME_response; a struct inside carries
 * the path of fields to it (kp_fetch_request_topics_partitions), a type its own name behind the message's. */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OPEN       INT16_MAX /* last version of "3+" */
#define NEVER      INT16_MAX /* flexible_from of what never is */
#define DEPTH_MAX  8         /* as KP_DEPTH_MAX in codec.h */
#define FIELDS_MAX 64        /* of a struct; as KP_FIELDS_MAX in codec.h */
#define WORDS_MAX  12        /* no line needs more */

struct versions {
    int first, last;
};

/* In the order of enum kp_type. */
enum scalar { BOOL, INT8, INT16, UINT16, INT32, UINT32, INT64, FLOAT64, UUID, STRING, BYTES, RECORDS, STRUCT };

static const struct {
    const char *name, *c_type, *constant;
    int64_t min, max;
    int least_bytes; /* 0: a length that depends on the form */
} scalars[] = {
    {"bool",    "bool",              "KP_BOOL",    0,         0,          1 },
    {"int8",    "int8_t",            "KP_INT8",    INT8_MIN,  INT8_MAX,   1 },
    {"int16",   "int16_t",           "KP_INT16",   INT16_MIN, INT16_MAX,  2 },
    {"uint16",  "uint16_t",          "KP_UINT16",  0,         UINT16_MAX, 2 },
    {"int32",   "int32_t",           "KP_INT32",   INT32_MIN, INT32_MAX,  4 },
    {"uint32",  "uint32_t",          "KP_UINT32",  0,         UINT32_MAX, 4 },
    {"int64",   "int64_t",           "KP_INT64",   INT64_MIN, INT64_MAX,  8 },
    {"float64", "double",            "KP_FLOAT64", 0,         0,          8 },
    {"uuid",    "struct kp_uuid",    "KP_UUID",    0,         0,          16},
    {"string",  "struct kp_string",  "KP_STRING",  0,         0,          0 },
    {"bytes",   "struct kp_bytes",   "KP_BYTES",   0,         0,          0 },
    {"records", "struct kp_records", "KP_RECORDS", 0,         0,          0 },
    {"struct",  "struct",            "KP_STRUCT",  0,         0,          0 },
};

static const char *const record_kinds[] = {"metadata", "control",   "group_key", "group_value",
                                           "txn_key",  "txn_value", "share_key", "share_value"};

struct type;

struct field {
    const char *name;
    enum scalar scalar;
    bool array, ignorable;
    struct versions versions, nullable;
    int tag;             /* -1: none */
    const char *initial; /* the text behind =, or NULL */
    struct type *type;   /* of STRUCT */
};

struct type {
    char *name;             /* C name without kp_ */
    const char *local_name; /* of a shared type, else NULL */
    const struct message *message;
    struct field *fields;
    int count;
    int depth; /* structs below this one, itself included */
};

enum section { REQUEST, RESPONSE, RECORD, MESSAGE };

struct message {
    enum section section;
    char *name;
    struct versions versions;
    int flexible_from;
    int kind, number; /* of a RECORD: index in record_kinds, type number */
    struct type *root;
};

struct api {
    int key;
    const char *name;
    struct versions stable;
    int flexible_from;
    struct message *request, *response;
};

struct line {
    int number, level, count;
    char *words[WORDS_MAX];
};

/* Everything, in the order of its definition: inner types before those that use them. */
static struct {
    struct api *apis;
    struct message **messages;
    struct type **types;
    int api_count, message_count, type_count;
} all;

/* The file that is being read. */
static struct {
    const char *path;
    struct line *lines;
    int count, next;
} in;

/* ---- helpers --------------------------------------------------------------------------------------------------------
 */

static _Noreturn void fail_at(int line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: ", in.path, line);
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

static bool has(struct versions versions, int version)
{
    return version >= versions.first && version <= versions.last;
}

static void upper(char *to, const char *from)
{
    while (*from != '\0')
        *to++ = (char)toupper((unsigned char)*from++);
    *to = '\0';
}

/* "find_coordinator" as Kafka writes it: "FindCoordinator". */
static void camel(char *to, const char *from)
{
    bool start = true;
    for (; *from != '\0'; from++) {
        if (*from != '_')
            *to++ = start ? (char)toupper((unsigned char)*from) : *from;
        start = *from == '_';
    }
    *to = '\0';
}

/* ---- reading --------------------------------------------------------------------------------------------------------
 */

static void read_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    char text[512];

    in.path = path;
    in.lines = NULL;
    in.count = in.next = 0;
    if (file == NULL)
        fail_at(0, "%s", strerror(errno));
    for (int number = 1; fgets(text, sizeof text, file) != NULL; number++) {
        struct line line = {.number = number};
        int indent = 0;
        if (strchr(text, '\n') == NULL)
            fail_at(number, "line without end, or longer than %zu characters", sizeof text - 2);
        if (strchr(text, '\t') != NULL)
            fail_at(number, "a tab; indent and separate with spaces");
        text[strcspn(text, "#\n")] = '\0';
        while (text[indent] == ' ')
            indent++;
        for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " ")) {
            if (line.count == WORDS_MAX)
                fail_at(number, "more than %d words", WORDS_MAX);
            line.words[line.count] = must(malloc(strlen(word) + 1));
            strcpy(line.words[line.count++], word);
        }
        if (line.count == 0)
            continue;
        if (indent % 2 != 0)
            fail_at(number, "indent of %d spaces; nest by two", indent);
        line.level = indent / 2;
        in.lines = grow(in.lines, in.count, sizeof *in.lines);
        in.lines[in.count++] = line;
    }
    if (ferror(file))
        fail_at(0, "%s", strerror(errno));
    fclose(file);
}

/* The next line when it is at `level`, else NULL. */
static struct line *peek(int level)
{
    return in.next < in.count && in.lines[in.next].level == level ? &in.lines[in.next] : NULL;
}

static int64_t parse_integer(const struct line *line, const char *text, int64_t min, int64_t max)
{
    char *end;
    errno = 0;
    int64_t value = strtoll(text, &end, 0);
    if (end == text || *end != '\0' || errno != 0 || value < min || value > max)
        fail_at(line->number, "\"%s\" is no number from %lld to %lld", text, (long long)min, (long long)max);
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
        fail_at(line->number, "\"%s\" are no versions; write 3, 3-7 or 3+", text);
    if (versions.first < 0 || versions.first > versions.last || versions.last > OPEN)
        fail_at(line->number, "versions \"%s\" are empty or out of range", text);
    return versions;
}

static const char *check_name(const struct line *line, const char *name)
{
    size_t length = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");
    if (length == 0 || length > 60 || name[length] != '\0' || isdigit((unsigned char)name[0]))
        fail_at(line->number, "\"%s\" is no name in snake_case", name);
    return name;
}

static struct type *find_type(const struct message *message, const char *local_name)
{
    for (int i = 0; i < all.type_count; i++)
        if (all.types[i]->message == message && all.types[i]->local_name != NULL &&
            strcmp(all.types[i]->local_name, local_name) == 0)
            return all.types[i];
    return NULL;
}

/* The word for a field's type: [] in front, a name, ? with versions behind. True when its fields follow. */
static bool parse_type(const struct line *line, struct field *field, const struct message *message, char *word)
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
            fail_at(line->number, "a %s cannot be null", word);
        return field->scalar == STRUCT;
    }
    field->type = find_type(message, word);
    if (field->type == NULL)
        fail_at(line->number, "unknown type \"%s\"; shared types come before the fields that use them", word);
    return false;
}

static void check_initial(const struct line *line, const struct field *field)
{
    const char *text = field->initial;
    if (strcmp(text, "null") == 0) {
        if (field->nullable.first > field->nullable.last)
            fail_at(line->number, "default null of a field that is never null");
    } else if (field->array || field->scalar == STRUCT || field->scalar == UUID || field->scalar == BYTES ||
               field->scalar == RECORDS || field->scalar == FLOAT64) {
        fail_at(line->number, "no default but null is possible here");
    } else if (field->scalar == BOOL) {
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            fail_at(line->number, "default of a bool is true or false");
    } else if (field->scalar == STRING) {
        if (strcmp(text, "\"\"") != 0)
            fail_at(line->number, "default of a string is \"\" or null");
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
                fail_at(line->number, "a tagged field in a version that is not flexible");
            if (field->scalar == RECORDS)
                fail_at(line->number, "records cannot be tagged");
        } else if (strcmp(word, "=") == 0 && i + 1 < line->count) {
            field->initial = line->words[++i];
            check_initial(line, field);
        } else {
            fail_at(line->number, "\"%s\" is no attribute; known are tag N, ignorable, = DEFAULT", word);
        }
    }
}

static struct type *parse_struct(const struct message *message, char *name, const char *local_name, int level);
static int least_bytes(const struct type *type, int version);

/* The codec bounds a count by the bytes left divided by the shortest item. */
static void check_items_take_bytes(const struct line *line, const struct field *field, const struct message *message)
{
    for (int version = message->versions.first; version <= message->versions.last; version++)
        if (has(field->versions, version) && least_bytes(field->type, version) == 0)
            fail_at(line->number, "an item of version %d would take no byte", version);
}

static void parse_field(struct type *type, const struct line *line, int level)
{
    struct field field = {.tag = -1};

    if (line->count < 3)
        fail_at(line->number, "a field is NAME TYPE VERSIONS");
    field.name = check_name(line, line->words[0]);
    field.versions = parse_versions(line, line->words[2]);
    bool fields_follow = parse_type(line, &field, type->message, line->words[1]);
    parse_attributes(line, &field, type->message);
    if (fields_follow) {
        if (peek(level + 1) == NULL)
            fail_at(line->number, "the fields of %s are missing; indent them below it", field.name);
        field.type = parse_struct(type->message, join(type->name, field.name), NULL, level + 1);
    }
    if (field.array && field.type != NULL)
        check_items_take_bytes(line, &field, type->message);
    for (int i = 0; i < type->count; i++) {
        if (strcmp(type->fields[i].name, field.name) == 0)
            fail_at(line->number, "a second field %s", field.name);
        if (field.tag >= 0 && type->fields[i].tag == field.tag)
            fail_at(line->number, "a second field with tag %d", field.tag);
    }
    if (field.type != NULL && field.type->depth >= type->depth)
        type->depth = field.type->depth + 1;
    if (type->count == FIELDS_MAX)
        fail_at(line->number, "more than %d fields", FIELDS_MAX);
    if (type->depth > DEPTH_MAX)
        fail_at(line->number, "nested deeper than %d", DEPTH_MAX);
    type->fields = grow(type->fields, type->count, sizeof *type->fields);
    type->fields[type->count++] = field;
}

/* The lines at `level`, until one with less indent. */
static struct type *parse_struct(const struct message *message, char *name, const char *local_name, int level)
{
    struct type *type = must(calloc(1, sizeof *type));
    struct line *line;

    *type = (struct type){.name = name, .local_name = local_name, .message = message, .depth = 1};
    while ((line = peek(level)) != NULL) {
        in.next++;
        if (level == 1 && strcmp(line->words[0], "type") == 0 && line->count == 2) {
            const char *shared = check_name(line, line->words[1]);
            if (find_type(message, shared) != NULL)
                fail_at(line->number, "a second type %s", shared);
            parse_struct(message, join(message->name, shared), shared, level + 1);
        } else {
            parse_field(type, line, level);
        }
        if (in.next < in.count && in.lines[in.next].level > level)
            fail_at(in.lines[in.next].number, "indented, but the line above has no fields of its own");
    }
    for (int i = 0; i < all.type_count; i++)
        if (strcmp(all.types[i]->name, name) == 0)
            fail_at(in.lines[in.next - 1].number, "a second struct kp_%s", name);
    all.types = grow(all.types, all.type_count, sizeof *all.types);
    all.types[all.type_count++] = type;
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
            fail_at(line->number, "\"%s\" is not known here", line->words[i]);
    }
}

static struct message *parse_message(struct message head)
{
    struct message *message = must(malloc(sizeof *message));
    *message = head;
    message->root = parse_struct(message, message->name, NULL, 1);
    all.messages = grow(all.messages, all.message_count, sizeof *all.messages);
    all.messages[all.message_count++] = message;
    return message;
}

static struct message *parse_direction(const struct api *api, struct versions versions, enum section section)
{
    const char *word = section == REQUEST ? "request" : "response";
    struct line *line = peek(0);
    if (line == NULL || line->count != 1 || strcmp(line->words[0], word) != 0)
        fail_at(in.lines[in.next < in.count ? in.next : in.count - 1].number, "\"%s\" is expected here", word);
    in.next++;
    return parse_message((struct message){
        .section = section, .name = join(api->name, word), .versions = versions, .flexible_from = api->flexible_from});
}

static void parse_api(const struct line *line)
{
    struct api api = {0};
    int unstable = OPEN;

    if (line->count < 4)
        fail_at(line->number, "write api KEY NAME VERSIONS");
    api.key = (int)parse_integer(line, line->words[1], 0, INT8_MAX);
    api.name = check_name(line, line->words[2]);
    struct versions versions = parse_versions(line, line->words[3]);
    parse_message_attributes(line, 4, &api.flexible_from, &unstable);
    api.stable = versions;
    if (unstable <= api.stable.last)
        api.stable.last = unstable - 1;
    for (int i = 0; i < all.api_count; i++)
        if (all.apis[i].key == api.key)
            fail_at(line->number, "a second api with key %d", api.key);
    api.request = parse_direction(&api, versions, REQUEST);
    api.response = parse_direction(&api, versions, RESPONSE);
    all.apis = grow(all.apis, all.api_count, sizeof *all.apis);
    all.apis[all.api_count++] = api;
}

static void parse_record(const struct line *line)
{
    struct message head = {.section = RECORD, .kind = -1};

    if (line->count < 5)
        fail_at(line->number, "write record KIND TYPE NAME VERSIONS");
    for (size_t i = 0; i < sizeof record_kinds / sizeof record_kinds[0]; i++)
        if (strcmp(line->words[1], record_kinds[i]) == 0)
            head.kind = (int)i;
    if (head.kind < 0)
        fail_at(line->number, "\"%s\" is no kind of record", line->words[1]);
    head.number = (int)parse_integer(line, line->words[2], 0, INT16_MAX);
    for (int i = 0; i < all.message_count; i++)
        if (all.messages[i]->section == RECORD && all.messages[i]->kind == head.kind &&
            all.messages[i]->number == head.number)
            fail_at(line->number, "a second %s record of type %d", record_kinds[head.kind], head.number);
    head.name = line->words[3];
    check_name(line, head.name);
    head.versions = parse_versions(line, line->words[4]);
    parse_message_attributes(line, 5, &head.flexible_from, NULL);
    parse_message(head);
}

static void parse_file(const char *path)
{
    struct line *line;

    read_lines(path);
    while ((line = peek(0)) != NULL) {
        in.next++;
        if (strcmp(line->words[0], "api") == 0) {
            parse_api(line);
        } else if (strcmp(line->words[0], "record") == 0) {
            parse_record(line);
        } else if (strcmp(line->words[0], "message") == 0 && line->count >= 3) {
            struct message head = {.section = MESSAGE, .name = line->words[1]};
            check_name(line, head.name);
            head.versions = parse_versions(line, line->words[2]);
            parse_message_attributes(line, 3, &head.flexible_from, NULL);
            parse_message(head);
        } else {
            fail_at(line->number, "\"%s\" begins no api, record or message", line->words[0]);
        }
    }
    if (in.next < in.count)
        fail_at(in.lines[in.next].number, "indented below nothing");
}

/* ---- messages.h -----------------------------------------------------------------------------------------------------
 */

static void print_versions(FILE *out, struct versions versions)
{
    if (versions.last == OPEN)
        fprintf(out, "%d+", versions.first);
    else if (versions.first == versions.last)
        fprintf(out, "%d", versions.first);
    else
        fprintf(out, "%d-%d", versions.first, versions.last);
}

/* Is the field a pointer to one struct? */
static bool is_pointer(const struct field *field)
{
    return field->scalar == STRUCT && !field->array && field->nullable.first <= field->nullable.last;
}

static void write_struct(FILE *out, const struct type *type)
{
    fprintf(out, "struct kp_%s {\n", type->name);
    for (int i = 0; i < type->count; i++) {
        const struct field *field = &type->fields[i];
        const char *star = field->array || is_pointer(field) ? "*" : "";
        if (field->scalar == STRUCT)
            fprintf(out, "    struct kp_%s %s%s; /* ", field->type->name, star, field->name);
        else
            fprintf(out, "    %s %s%s; /* ", scalars[field->scalar].c_type, star, field->name);
        print_versions(out, field->versions);
        if (field->tag >= 0)
            fprintf(out, ", tag %d", field->tag);
        if (field->nullable.first <= field->nullable.last &&
            memcmp(&field->nullable, &field->versions, sizeof field->nullable) == 0) {
            fputs(", nullable", out);
        } else if (field->nullable.first <= field->nullable.last) {
            fputs(", nullable ", out);
            print_versions(out, field->nullable);
        }
        if (field->initial != NULL)
            fprintf(out, ", default %s", field->initial);
        fputs(" */\n", out);
        if (field->array)
            fprintf(out, "    int32_t %s_count;%s\n", field->name,
                    field->nullable.first <= field->nullable.last ? " /* -1: null */" : "");
    }
    if (type->count == 0)
        fputs("    char no_fields;\n", out);
    fprintf(out, "};\nextern const struct kp_%s kp_%s_default;\n\n", type->name, type->name);
}

static void write_wrappers(FILE *out, const struct message *message)
{
    const char *name = message->name;
    fprintf(out, "extern const struct kp_schema kp_%s_schema;\n", name);
    fprintf(out,
            "static inline bool kp_%s_decode(struct kp_%s *message, struct kp_reader *reader, int16_t version,\n"
            "    struct arena *arena)\n{\n"
            "    return kp_decode(&kp_%s_schema, message, reader, version, arena);\n}\n",
            name, name, name);
    fprintf(out,
            "static inline size_t kp_%s_size(const struct kp_%s *message, int16_t version)\n{\n"
            "    return kp_encoded_size(&kp_%s_schema, message, version);\n}\n",
            name, name, name);
    fprintf(
        out,
        "static inline void kp_%s_encode(const struct kp_%s *message, struct kp_writer *writer, int16_t version)\n{\n"
        "    kp_encode(&kp_%s_schema, message, writer, version);\n}\n",
        name, name, name);
    fprintf(out,
            "static inline void kp_%s_print(const struct kp_%s *message, int16_t version, struct kp_text *text)\n{\n"
            "    kp_print(&kp_%s_schema, message, version, text);\n}\n\n",
            name, name, name);
}

static void write_header(FILE *out)
{
    char text[128];

    fputs("/* Made by schemac from protocol/schema; see protocol/codec.h for how to use it. */\n"
          "#ifndef DOHLE_MESSAGES_H\n#define DOHLE_MESSAGES_H\n\n"
          "#include \"protocol/codec.h\"\n#include \"protocol/codec_text.h\"\n\n",
          out);
    fputs("enum {\n", out);
    for (int i = 0; i < all.api_count; i++) {
        upper(text, all.apis[i].name);
        fprintf(out, "    KP_API_%s = %d,\n", text, all.apis[i].key);
    }
    fprintf(out, "};\n#define KP_APIS_COUNT %d\n", all.api_count);
    fputs("/* By key, ascending. */\nextern const struct kp_api kp_apis[KP_APIS_COUNT];\n"
          "/* The API of this key, or NULL when no client listener has it. */\n"
          "const struct kp_api *kp_api_find(int16_t key);\n\n",
          out);
    fputs("/* Type numbers of records. */\nenum {\n", out);
    int record_count = 0;
    for (int i = 0; i < all.message_count; i++) {
        if (all.messages[i]->section != RECORD)
            continue;
        upper(text, all.messages[i]->name);
        fprintf(out, "    KP_TYPE_%s = %d,\n", text, all.messages[i]->number);
        record_count++;
    }
    fprintf(out, "};\n#define KP_RECORD_TYPES_COUNT %d\n", record_count);
    fputs("extern const struct kp_record_type kp_record_types[KP_RECORD_TYPES_COUNT];\n"
          "/* NULL when no such record is known. */\n"
          "const struct kp_record_type *kp_record_type_find(enum kp_record_kind kind, int16_t type);\n\n",
          out);
    fprintf(out, "#define KP_SCHEMAS_COUNT %d\n", all.message_count);
    fputs("/* Of all messages: requests, responses, records and others. */\n"
          "extern const struct kp_schema *const kp_schemas[KP_SCHEMAS_COUNT];\n"
          "/* By name (\"fetch_request\"), or NULL. */\n"
          "const struct kp_schema *kp_schema_find(struct kp_string name);\n\n",
          out);
    for (int i = 0; i < all.type_count; i++)
        write_struct(out, all.types[i]);
    for (int i = 0; i < all.message_count; i++)
        write_wrappers(out, all.messages[i]);
    fputs("#endif\n", out);
}

/* ---- messages.c -----------------------------------------------------------------------------------------------------
 */

/* The shortest encoding of one value, or of an empty array. */
static int least_field_bytes(const struct field *field, int version, bool flexible)
{
    bool nullable = has(field->nullable, version);
    if (!field->array && scalars[field->scalar].least_bytes > 0)
        return scalars[field->scalar].least_bytes;
    if (!field->array && field->scalar == STRUCT)
        return nullable ? 1 : least_bytes(field->type, version);
    if (flexible)
        return 1;
    return !field->array && field->scalar == STRING ? 2 : 4;
}

static int least_bytes(const struct type *type, int version)
{
    bool flexible = version >= type->message->flexible_from;
    int bytes = flexible ? 1 : 0;
    for (int i = 0; i < type->count; i++)
        if (has(type->fields[i].versions, version) && type->fields[i].tag < 0)
            bytes += least_field_bytes(&type->fields[i], version, flexible);
    return bytes < UINT8_MAX ? bytes : UINT8_MAX;
}

static void write_initializer(FILE *out, const struct type *type)
{
    if (type->count == 0)
        fputs("0", out);
    for (int i = 0; i < type->count; i++) {
        const struct field *field = &type->fields[i];
        bool null = field->initial != NULL && strcmp(field->initial, "null") == 0;
        if (field->array) {
            fprintf(out, ".%s = NULL, .%s_count = %d", field->name, field->name, null ? -1 : 0);
        } else {
            fprintf(out, ".%s = ", field->name);
            switch (field->scalar) {
            case STRUCT:
                if (null) {
                    fputs("NULL", out);
                } else if (is_pointer(field)) {
                    fprintf(out, "(struct kp_%s *)&kp_%s_default", field->type->name, field->type->name);
                } else {
                    fputs("{", out);
                    write_initializer(out, field->type);
                    fputs("}", out);
                }
                break;
            case STRING:
                fputs(null ? "{NULL, -1}" : "{\"\", 0}", out);
                break;
            case BYTES:
                fputs(null ? "{NULL, -1}" : "{(const uint8_t *)\"\", 0}", out);
                break;
            case RECORDS:
                fputs(null ? "{NULL, -1, NULL}" : "{(const uint8_t *)\"\", 0, NULL}", out);
                break;
            case UUID:
                fputs("{{0}}", out);
                break;
            case INT64:
                fprintf(out, "INT64_C(%s)", field->initial != NULL ? field->initial : "0");
                break;
            case INT32: /* the least one cannot be written as it stands */
                fprintf(out, "%s",
                        field->initial == NULL                          ? "0"
                        : strtoll(field->initial, NULL, 0) == INT32_MIN ? "INT32_MIN"
                                                                        : field->initial);
                break;
            default:
                fprintf(out, "%s", field->initial != NULL ? field->initial : "0");
                break;
            }
        }
        fputs(i + 1 < type->count ? ", " : "", out);
    }
}

static void write_row(FILE *out, const struct type *type, const struct field *field)
{
    fprintf(out, "    {\"%s\", offsetof(struct kp_%s, %s), ", field->name, type->name, field->name);
    if (field->array)
        fprintf(out, "offsetof(struct kp_%s, %s_count), ", type->name, field->name);
    else
        fputs("0, ", out);
    if (field->scalar == STRUCT)
        fprintf(out, "sizeof(struct kp_%s), ", field->type->name);
    else
        fprintf(out, "sizeof(%s), ", scalars[field->scalar].c_type);
    fprintf(out, "%s, %d, %d, %d, %d, {%d, %d}, {%d, %d}, ", scalars[field->scalar].constant, field->array,
            is_pointer(field), field->ignorable, field->tag, field->versions.first, field->versions.last,
            field->nullable.first, field->nullable.last);
    if (field->scalar == STRUCT)
        fprintf(out, "&kp_%s_schema},\n", field->type->name);
    else
        fputs("NULL},\n", out);
}

static void write_table(FILE *out, const struct type *type)
{
    const struct message *message = type->message;
    int untagged = 0;

    fprintf(out, "const struct kp_%s kp_%s_default = {", type->name, type->name);
    write_initializer(out, type);
    fputs("};\n", out);
    if (type->count > 0) {
        fprintf(out, "static const struct kp_field %s_fields[] = {\n", type->name);
        int tag_end = 0;
        for (int i = 0; i < type->count; i++) {
            const struct field *field = &type->fields[i];
            if (field->tag < 0) {
                write_row(out, type, field);
                untagged++;
            } else if (field->tag >= tag_end) {
                tag_end = field->tag + 1;
            }
        }
        for (int tag = 0; tag < tag_end; tag++)
            for (int i = 0; i < type->count; i++)
                if (type->fields[i].tag == tag)
                    write_row(out, type, &type->fields[i]);
        fputs("};\n", out);
    }
    fprintf(out, "static const uint8_t %s_least[] = {", type->name);
    for (int version = 0; version <= message->versions.last; version++)
        fprintf(out, "%s%d", version > 0 ? ", " : "", least_bytes(type, version));
    fprintf(out, "};\n%sconst struct kp_schema kp_%s_schema = {\n    \"%s\", ", type == message->root ? "" : "static ",
            type->name, type->name);
    if (type->count > 0)
        fprintf(out, "%s_fields", type->name);
    else
        fputs("NULL", out);
    fprintf(out, ", %d, %d, sizeof(struct kp_%s), {%d, %d}, %d, &kp_%s_default, %s_least};\n\n", untagged, type->count,
            type->name, message->versions.first, message->versions.last, message->flexible_from, type->name,
            type->name);
}

static int compare_apis(const void *a, const void *b)
{
    return ((const struct api *)a)->key - ((const struct api *)b)->key;
}

static void write_apis(FILE *out)
{
    char name[128];

    fputs("const struct kp_api kp_apis[KP_APIS_COUNT] = {\n", out);
    for (int i = 0; i < all.api_count; i++) {
        const struct api *api = &all.apis[i];
        camel(name, api->name);
        fprintf(out, "    {%d, \"%s\", \"%s\", {%d, %d}, %d, &kp_%s_schema, &kp_%s_schema},\n", api->key, name,
                api->name, api->stable.first, api->stable.last, api->flexible_from, api->request->name,
                api->response->name);
    }
    fputs("};\n\nconst struct kp_api *kp_api_find(int16_t key)\n{\n"
          "    /* the place in kp_apis plus one; 0: none */\n"
          "    static const uint8_t places[] = {\n",
          out);
    int last = all.api_count > 0 ? all.apis[all.api_count - 1].key : 0;
    for (int key = 0, i = 0; key <= last; key++)
        fprintf(out, "        %d,\n", i < all.api_count && all.apis[i].key == key ? ++i : 0);
    fprintf(out,
            "    };\n    if (key < 0 || key > %d || places[key] == 0)\n        return NULL;\n"
            "    return &kp_apis[places[key] - 1];\n}\n\n",
            last);
}

static void write_record_types(FILE *out)
{
    char kind[32];

    fputs("const struct kp_record_type kp_record_types[KP_RECORD_TYPES_COUNT] = {\n", out);
    for (int i = 0; i < all.message_count; i++) {
        if (all.messages[i]->section != RECORD)
            continue;
        upper(kind, record_kinds[all.messages[i]->kind]);
        fprintf(out, "    {KP_RECORD_%s, %d, &kp_%s_schema},\n", kind, all.messages[i]->number, all.messages[i]->name);
    }
    fputs("};\n\nconst struct kp_record_type *kp_record_type_find(enum kp_record_kind kind, int16_t type)\n{\n"
          "    for (int i = 0; i < KP_RECORD_TYPES_COUNT; i++)\n"
          "        if (kp_record_types[i].kind == kind && kp_record_types[i].type == type)\n"
          "            return &kp_record_types[i];\n    return NULL;\n}\n\n",
          out);
}

static void write_schemas(FILE *out)
{
    fputs("const struct kp_schema *const kp_schemas[KP_SCHEMAS_COUNT] = {\n", out);
    for (int i = 0; i < all.message_count; i++)
        fprintf(out, "    &kp_%s_schema,\n", all.messages[i]->name);
    fputs("};\n\nconst struct kp_schema *kp_schema_find(struct kp_string name)\n{\n"
          "    for (int i = 0; i < KP_SCHEMAS_COUNT; i++)\n"
          "        if (kp_string_is(name, kp_schemas[i]->name))\n"
          "            return kp_schemas[i];\n    return NULL;\n}\n",
          out);
}

static void write_tables(FILE *out)
{
    fputs("/* Made by schemac from protocol/schema. */\n#include \"messages.h\"\n\n", out);
    for (int i = 0; i < all.type_count; i++)
        write_table(out, all.types[i]);
    write_apis(out);
    write_record_types(out);
    write_schemas(out);
}

static void write_file(const char *folder, const char *name, void (*write)(FILE *out))
{
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = length > 0 && (size_t)length < sizeof path ? fopen(path, "w") : NULL;
    if (out != NULL)
        write(out);
    if (out == NULL || ferror(out) || fclose(out) != 0) {
        fprintf(stderr, "schemac: cannot write %s/%s: %s\n", folder, name, strerror(errno));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: schemac OUTDIR FILE.msg...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        parse_file(argv[i]);
    if (all.api_count > 1)
        qsort(all.apis, (size_t)all.api_count, sizeof *all.apis, compare_apis);
    write_file(argv[1], "messages.c", write_tables);
    write_file(argv[1], "messages.h", write_header);
    return 0;
}
