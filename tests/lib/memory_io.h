/* struct file_io over a file system in memory that can fail, fill up and lose power. See memory_io.c and
 * memory_power.c. */
#ifndef DOHLE_TESTS_MEMORY_IO_H
#define DOHLE_TESTS_MEMORY_IO_H

#include "storage/file_io.h"

struct memory_io;

/* An empty file system with the directory "/data". */
struct memory_io *memory_io_new(void);
/* All files must be closed. */
void memory_io_free(struct memory_io *memory);
struct file_io *memory_io_files(struct memory_io *memory);

/* ---- faults ---------------------------------------------------------------------------------------------------- */

/* Kinds of calls, for the mask of memory_io_fail(). */
enum memory_call {
    CALL_OPEN = 1,
    CALL_PREAD = 2,
    CALL_PWRITE = 4,
    CALL_SYNC = 8, /* of a file or a directory */
    CALL_TRUNCATE = 16,
    CALL_STAT = 32, /* and size, set_modified */
    CALL_RENAME = 64,
    CALL_UNLINK = 128, /* and rmdir */
    CALL_MKDIR = 256,
    CALL_LIST = 512,
    CALL_ANY = 1023
};

/* The k-th call from now (1 is the next) of the kinds in `calls` fails with `error` (positive errno); with `for_good`
 * all later ones of these kinds too. A pwrite that fails has written half of its bytes. 0 as `k` takes the fault away.
 */
void memory_io_fail(struct memory_io *memory, int calls, int k, int error, bool for_good);
/* The ways in which a sweep has each call fail. */
#define FAULT_KINDS 4
struct fault_kind {
    const char *name;
    int error;
    bool for_good;
};
extern const struct fault_kind fault_kinds[FAULT_KINDS];
/* Has the fault happened? */
bool memory_io_fault_fired(const struct memory_io *memory);
/* A pwrite writes at most so many bytes; 0: all. */
void memory_io_write_at_most(struct memory_io *memory, size_t bytes);
/* The bytes of all files together: a pwrite beyond is short, then -ENOSPC. -1: no limit. */
void memory_io_set_capacity(struct memory_io *memory, int64_t bytes);

/* ---- power (memory_power.c) ------------------------------------------------------------------------------------ */

#define POWER_DECISIONS_MAX 32

/* What a power cut decides about each change that was not synced: by chance from a seed, or all ways in turn. */
struct power {
    uint64_t random; /* 0: everything that was not synced is lost */
    int kept_of_16;  /* of 16 changes that many are kept */
    bool enumerated;
    uint8_t decided[POWER_DECISIONS_MAX], ways[POWER_DECISIONS_MAX];
    int decisions, at;
};

/* The power goes: each change that was not synced is kept or not as the seed decides; with seed 0 all are lost. All
 * files must be closed. */
void memory_io_power_cut(struct memory_io *memory, uint64_t seed);
/* The same, where `power` decides. To see all that may be left, begin with {.enumerated = true}, cut copies of one file
 * system, and call power_next() after each until it says false. Writes are not cut into blocks then; for few changes.
 */
void memory_io_power_cut_by(struct memory_io *memory, struct power *power);
bool power_next(struct power *power);
/* A copy with its own life: of what calls see, of what is synced and of what is not; not of faults and limits. Open
 * files are not open there: so it is also what a process that dies leaves. */
struct memory_io *memory_io_copy(const struct memory_io *memory);

/* ---- looking and meddling -------------------------------------------------------------------------------------- */

/* Files open now, and calls of these kinds so far. */
int memory_io_open_count(const struct memory_io *memory);
int64_t memory_io_calls(const struct memory_io *memory, enum memory_call call);
bool memory_io_exists(struct memory_io *memory, const char *path);
/* -1 when there is no such file. */
int64_t memory_io_size(struct memory_io *memory, const char *path);
/* The bytes of a file, borrowed until it changes. NULL when there is none. */
uint8_t *memory_io_bytes(struct memory_io *memory, const char *path, size_t *size);
/* When a file was last modified; 0 until a test says so. */
void memory_io_set_modified(struct memory_io *memory, const char *path, int64_t modified_ms);
/* Make or replace a file, as if synced. Its directory must exist. */
void memory_io_put(struct memory_io *memory, const char *path, const void *bytes, size_t size);

#endif
