/* What memory_io.c (the calls) and memory_power.c (what a power cut leaves) share: the nodes of the file system. */
#ifndef DOHLE_TESTS_MEMORY_INTERNAL_H
#define DOHLE_TESTS_MEMORY_INTERNAL_H

#include "memory_io.h"

struct node;

struct entry {
    char *name;
    struct node *node;
};

struct entries {
    struct entry *list;
    int count;
};

/* A change of a directory that is not synced: `name` now means `node`, or nothing. */
struct change {
    char *name;
    struct node *node;
    struct node *subject; /* whose name it is, or was */
    bool with_next;       /* the first half of a rename: kept or lost together */
};

/* A change of a file that is not synced: `size` bytes written at `position`, or without bytes, cut or grown to it. */
struct write {
    int64_t position;
    uint8_t *bytes;
    size_t size;
};

struct node {
    int refs;
    bool is_directory, locked;
    bool name_lost; /* during a power cut: one of its names' changes was lost, so later ones are too */
    int64_t modified_ms;
    uint8_t *bytes, *synced_bytes;
    size_t size, capacity, synced_size;
    struct write *writes; /* since the last sync, in order */
    int writes_count;
    struct entries entries, durable;
    struct change *changes; /* since the last sync_directory(), in order */
    int changes_count;
};

struct file {
    struct node *node;
    bool writable, has_lock;
};

struct memory_io {
    struct file_io io;
    struct node *root;
    int64_t capacity_bytes, used_bytes;
    size_t write_at_most;
    int fault_calls, fault_in, fault_error;
    bool fault_for_good, fault_fired;
    int open_count;
    int64_t calls[10];
};

struct node *memory_node_new(bool is_directory);
void memory_node_unref(struct memory_io *memory, struct node *node);
/* `name` means `node` from now on; NULL: nothing. Takes a reference of its own. */
void memory_entries_set(struct memory_io *memory, struct entries *entries, const char *name, struct node *node);
void memory_entries_release(struct memory_io *memory, struct entries *entries);
/* All changes that are not synced are forgotten; what they say was taken over or is lost. */
void memory_forget_writes(struct node *node);
void memory_forget_changes(struct memory_io *memory, struct node *directory);

#endif
