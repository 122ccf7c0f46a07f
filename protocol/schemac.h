/* What the parts of schemac share: the schemas in memory. See schemac.c. */
#ifndef DOHLE_PROTOCOL_SCHEMAC_H
#define DOHLE_PROTOCOL_SCHEMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPEN  INT16_MAX /* last version of "3+" */
#define NEVER INT16_MAX /* flexible_from of what never is */

struct versions {
    int first, last;
};

/* In the order of enum kp_type. */
enum scalar { BOOL, INT8, INT16, UINT16, INT32, UINT32, INT64, FLOAT64, UUID, STRING, BYTES, RECORDS, STRUCT };

/* What there is to know of a type; by enum scalar. */
struct scalar_facts {
    const char *name, *c_type, *constant;
    int64_t min, max;
    int least_bytes; /* 0: a length that depends on the form */
};
extern const struct scalar_facts scalars[];

#define RECORD_KINDS_COUNT 8
extern const char *const record_kinds[RECORD_KINDS_COUNT]; /* in the order of enum kp_record_kind */

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

/* All that was read, in the order of its definition: inner types before those that use them. */
struct schemas {
    struct api *apis; /* by key, once all files were read */
    struct message **messages;
    struct type **types;
    int api_count, message_count, type_count;
};

/* schemac_read.c: add what a file holds; a mistake in it ends the process. */
void schemas_read(struct schemas *all, const char *path);

/* schemac_write.c: messages.h and messages.c. */
void schemas_write_header(const struct schemas *all, FILE *out);
void schemas_write_tables(const struct schemas *all, FILE *out);

static inline bool has_version(struct versions versions, int version)
{
    return version >= versions.first && version <= versions.last;
}

/* In some version. */
static inline bool is_nullable(const struct field *field)
{
    return field->nullable.first <= field->nullable.last;
}

/* The shortest encoding of a struct in a version; UINT8_MAX stands for all that are longer. */
int least_bytes(const struct type *type, int version);

#endif
