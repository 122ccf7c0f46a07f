/* schemac OUTDIR FILE.msg...: turns protocol/schema/NAME.msg into messages.h (structs and typed wrappers) and
 * messages.c (tables for codec.c). A build tool: it needs nothing but a C compiler, stops at the first mistake with
 * file and line, and leaves its memory to the end of the process.
 *
 * A schema file holds lines; two spaces of indent nest, # begins a comment:
 *
 *     api KEY NAME VERSIONS [flexible N+] [unstable N]      then `request` and `response`, with indented fields
 *     record KIND TYPE NAME VERSIONS [flexible N+]          a stored record, with indented fields
 *     message NAME VERSIONS [flexible N+]                   anything else
 *
 *       type NAME                                           a struct that several fields below use, with fields
 *       NAME TYPE VERSIONS [tag N] [ignorable] [= DEFAULT]  a field; those of a `struct` or `[]` follow, indented
 *
 *     VERSIONS  3 or 3-7 or 3+
 *     TYPE      a scalar, `struct`, or the name of a type; [] in front makes an array ([] alone: of structs);
 *               ? behind allows null, ?2+ and ?2-7 in these versions only
 *     DEFAULT   a number, true, "" or null; otherwise zero, false, empty, a struct of defaults
 *
 * C names: message NAME is struct kp_NAME, an api's are kp_NAME_request and kp_NAME_response; a struct inside carries
 * the path of fields to it (kp_fetch_request_topics_partitions), a type its own name behind the message's. */
#include "schemac.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES_MAX 4096

const struct scalar_facts scalars[] = {
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

const char *const record_kinds[RECORD_KINDS_COUNT] = {"metadata", "control",   "group_key", "group_value",
                                                      "txn_key",  "txn_value", "share_key", "share_value"};

/* The shortest encoding of one value, or of an empty array. */
static int least_field_bytes(const struct field *field, int version, bool flexible)
{
    bool nullable = has_version(field->nullable, version);
    if (!field->array && scalars[field->scalar].least_bytes > 0)
        return scalars[field->scalar].least_bytes;
    if (!field->array && field->scalar == STRUCT)
        return nullable ? 1 : least_bytes(field->type, version);
    if (flexible)
        return 1;
    return !field->array && field->scalar == STRING ? 2 : 4;
}

int least_bytes(const struct type *type, int version)
{
    bool flexible = version >= type->message->flexible_from;
    int bytes = flexible ? 1 : 0;
    for (int i = 0; i < type->count; i++)
        if (has_version(type->fields[i].versions, version) && type->fields[i].tag < 0)
            bytes += least_field_bytes(&type->fields[i], version, flexible);
    return bytes < UINT8_MAX ? bytes : UINT8_MAX;
}

static int compare_apis(const void *a, const void *b)
{
    return ((const struct api *)a)->key - ((const struct api *)b)->key;
}

static void write_file(const struct schemas *all, const char *folder, const char *name,
                       void (*write)(const struct schemas *all, FILE *out))
{
    char path[PATH_BYTES_MAX];
    int length = snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = length > 0 && (size_t)length < sizeof path ? fopen(path, "w") : NULL;
    if (out != NULL)
        write(all, out);
    if (out == NULL || ferror(out) || fclose(out) != 0) {
        fprintf(stderr, "schemac: cannot write %s/%s: %s\n", folder, name, strerror(errno));
        exit(1);
    }
}

int main(int argc, char **argv)
{
    struct schemas all = {0};
    if (argc < 3) {
        fputs("usage: schemac OUTDIR FILE.msg...\n", stderr);
        return 2;
    }
    for (int i = 2; i < argc; i++)
        schemas_read(&all, argv[i]);
    if (all.api_count > 1)
        qsort(all.apis, (size_t)all.api_count, sizeof *all.apis, compare_apis);
    write_file(&all, argv[1], "messages.c", schemas_write_tables);
    write_file(&all, argv[1], "messages.h", schemas_write_header);
    return 0;
}
