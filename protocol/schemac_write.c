/* Writes messages.h, structs and typed wrappers, and messages.c, the tables that codec.h describes. */
#include "schemac.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define NAME_BYTES_MAX 128

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
    return field->scalar == STRUCT && !field->array && is_nullable(field);
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
        if (is_nullable(field) && memcmp(&field->nullable, &field->versions, sizeof field->nullable) == 0) {
            fputs(", nullable", out);
        } else if (is_nullable(field)) {
            fputs(", nullable ", out);
            print_versions(out, field->nullable);
        }
        if (field->initial != NULL)
            fprintf(out, ", default %s", field->initial);
        fputs(" */\n", out);
        if (field->array)
            fprintf(out, "    int32_t %s_count;%s\n", field->name, is_nullable(field) ? " /* -1: null */" : "");
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

void schemas_write_header(const struct schemas *all, FILE *out)
{
    char text[NAME_BYTES_MAX];

    fputs("/* Made by schemac from protocol/schema; see protocol/codec.h for how to use it. */\n"
          "#ifndef DOHLE_MESSAGES_H\n#define DOHLE_MESSAGES_H\n\n"
          "#include \"protocol/codec.h\"\n#include \"protocol/codec_text.h\"\n\n",
          out);
    fputs("enum {\n", out);
    for (int i = 0; i < all->api_count; i++) {
        upper(text, all->apis[i].name);
        fprintf(out, "    KP_API_%s = %d,\n", text, all->apis[i].key);
    }
    fprintf(out, "};\n#define KP_APIS_COUNT %d\n", all->api_count);
    fputs("/* By key, ascending. */\nextern const struct kp_api kp_apis[KP_APIS_COUNT];\n"
          "/* The API of this key, or NULL when no client listener has it. */\n"
          "const struct kp_api *kp_api_find(int16_t key);\n\n",
          out);
    fputs("/* Type numbers of records. */\nenum {\n", out);
    int record_count = 0;
    for (int i = 0; i < all->message_count; i++) {
        if (all->messages[i]->section != RECORD)
            continue;
        upper(text, all->messages[i]->name);
        fprintf(out, "    KP_TYPE_%s = %d,\n", text, all->messages[i]->number);
        record_count++;
    }
    fprintf(out, "};\n#define KP_RECORD_TYPES_COUNT %d\n", record_count);
    fputs("extern const struct kp_record_type kp_record_types[KP_RECORD_TYPES_COUNT];\n"
          "/* NULL when no such record is known. */\n"
          "const struct kp_record_type *kp_record_type_find(enum kp_record_kind kind, int16_t type);\n"
          "/* The number of the type of `kind` that has this schema; -1: it is none. */\n"
          "int16_t kp_record_type_number(enum kp_record_kind kind, const struct kp_schema *schema);\n\n",
          out);
    fprintf(out, "#define KP_SCHEMAS_COUNT %d\n", all->message_count);
    fputs("/* Of all messages: requests, responses, records and others. */\n"
          "extern const struct kp_schema *const kp_schemas[KP_SCHEMAS_COUNT];\n"
          "/* By name (\"fetch_request\"), or NULL. */\n"
          "const struct kp_schema *kp_schema_find(struct kp_string name);\n\n",
          out);
    for (int i = 0; i < all->type_count; i++)
        write_struct(out, all->types[i]);
    for (int i = 0; i < all->message_count; i++)
        write_wrappers(out, all->messages[i]);
    fputs("#endif\n", out);
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

static void write_apis(const struct schemas *all, FILE *out)
{
    char name[NAME_BYTES_MAX];

    fputs("const struct kp_api kp_apis[KP_APIS_COUNT] = {\n", out);
    for (int i = 0; i < all->api_count; i++) {
        const struct api *api = &all->apis[i];
        camel(name, api->name);
        fprintf(out, "    {%d, \"%s\", \"%s\", {%d, %d}, %d, &kp_%s_schema, &kp_%s_schema},\n", api->key, name,
                api->name, api->stable.first, api->stable.last, api->flexible_from, api->request->name,
                api->response->name);
    }
    fputs("};\n\nconst struct kp_api *kp_api_find(int16_t key)\n{\n"
          "    /* the place in kp_apis plus one; 0: none */\n"
          "    static const uint8_t places[] = {\n",
          out);
    int last = all->api_count > 0 ? all->apis[all->api_count - 1].key : 0;
    for (int key = 0, i = 0; key <= last; key++)
        fprintf(out, "        %d,\n", i < all->api_count && all->apis[i].key == key ? ++i : 0);
    fprintf(out,
            "    };\n    if (key < 0 || key > %d || places[key] == 0)\n        return NULL;\n"
            "    return &kp_apis[places[key] - 1];\n}\n\n",
            last);
}

static void write_record_types(const struct schemas *all, FILE *out)
{
    char kind[NAME_BYTES_MAX];

    fputs("const struct kp_record_type kp_record_types[KP_RECORD_TYPES_COUNT] = {\n", out);
    for (int i = 0; i < all->message_count; i++) {
        if (all->messages[i]->section != RECORD)
            continue;
        upper(kind, record_kinds[all->messages[i]->kind]);
        fprintf(out, "    {KP_RECORD_%s, %d, &kp_%s_schema},\n", kind, all->messages[i]->number,
                all->messages[i]->name);
    }
    fputs("};\n\nconst struct kp_record_type *kp_record_type_find(enum kp_record_kind kind, int16_t type)\n{\n"
          "    for (int i = 0; i < KP_RECORD_TYPES_COUNT; i++)\n"
          "        if (kp_record_types[i].kind == kind && kp_record_types[i].type == type)\n"
          "            return &kp_record_types[i];\n    return NULL;\n}\n\n"
          "int16_t kp_record_type_number(enum kp_record_kind kind, const struct kp_schema *schema)\n{\n"
          "    for (int i = 0; i < KP_RECORD_TYPES_COUNT; i++)\n"
          "        if (kp_record_types[i].kind == kind && kp_record_types[i].schema == schema)\n"
          "            return kp_record_types[i].type;\n    return -1;\n}\n\n",
          out);
}

static void write_schemas(const struct schemas *all, FILE *out)
{
    fputs("const struct kp_schema *const kp_schemas[KP_SCHEMAS_COUNT] = {\n", out);
    for (int i = 0; i < all->message_count; i++)
        fprintf(out, "    &kp_%s_schema,\n", all->messages[i]->name);
    fputs("};\n\nconst struct kp_schema *kp_schema_find(struct kp_string name)\n{\n"
          "    for (int i = 0; i < KP_SCHEMAS_COUNT; i++)\n"
          "        if (kp_string_is(name, kp_schemas[i]->name))\n"
          "            return kp_schemas[i];\n    return NULL;\n}\n",
          out);
}

void schemas_write_tables(const struct schemas *all, FILE *out)
{
    fputs("/* Made by schemac from protocol/schema. */\n#include \"messages.h\"\n\n", out);
    for (int i = 0; i < all->type_count; i++)
        write_table(out, all->types[i]);
    write_apis(all, out);
    write_record_types(all, out);
    write_schemas(all, out);
}
