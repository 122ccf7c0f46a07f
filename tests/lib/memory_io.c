/* A file system in memory.
 *
 * A tree of nodes. Each knows what calls see, what is on the disk for sure, and the changes in between, in order:
 *
 *     file       bytes                   synced_bytes, as of its last sync           writes
 *     directory  entries (name, node)    durable, as of its last sync_directory()    changes
 *
 * What a power cut makes of the changes is in memory_power.c.
 *
 * Nodes are counted: an unlinked file lives until it is closed. */
#include "memory_internal.h"

#include <errno.h>
#include <string.h>

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

struct node *memory_node_new(bool is_directory)
{
    struct node *node = xcalloc(1, sizeof *node);
    node->refs = 1;
    node->is_directory = is_directory;
    return node;
}

void memory_node_unref(struct memory_io *memory, struct node *node)
{
    if (node == NULL || --node->refs > 0)
        return;
    memory_entries_release(memory, &node->entries);
    memory_entries_release(memory, &node->durable);
    memory_forget_changes(memory, node);
    memory_forget_writes(node);
    memory->used_bytes -= (int64_t)node->size;
    free(node->bytes);
    free(node->synced_bytes);
    free(node);
}

static int entries_find(const struct entries *entries, const char *name, size_t length)
{
    for (int i = 0; i < entries->count; i++)
        if (strlen(entries->list[i].name) == length && memcmp(entries->list[i].name, name, length) == 0)
            return i;
    return -1;
}

/* `name` means `node` from now on; NULL: nothing. Takes a reference of its own. */
void memory_entries_set(struct memory_io *memory, struct entries *entries, const char *name, struct node *node)
{
    int i = entries_find(entries, name, strlen(name));
    if (node != NULL)
        node->refs++;
    if (i >= 0) {
        memory_node_unref(memory, entries->list[i].node);
        entries->list[i].node = node;
        if (node == NULL) {
            free(entries->list[i].name);
            entries->list[i] = entries->list[--entries->count];
        }
    } else if (node != NULL) {
        entries->list = xrealloc(entries->list, (size_t)(entries->count + 1) * sizeof *entries->list);
        entries->list[entries->count++] = (struct entry){xstrdup(name), node};
    }
}

void memory_entries_release(struct memory_io *memory, struct entries *entries)
{
    for (int i = 0; i < entries->count; i++) {
        free(entries->list[i].name);
        memory_node_unref(memory, entries->list[i].node);
    }
    free(entries->list);
    *entries = (struct entries){0};
}

void memory_forget_writes(struct node *node)
{
    for (int i = 0; i < node->writes_count; i++)
        free(node->writes[i].bytes);
    free(node->writes);
    node->writes = NULL;
    node->writes_count = 0;
}

void memory_forget_changes(struct memory_io *memory, struct node *directory)
{
    for (int i = 0; i < directory->changes_count; i++) {
        struct change *change = &directory->changes[i];
        free(change->name);
        memory_node_unref(memory, change->node);
        memory_node_unref(memory, change->subject);
    }
    free(directory->changes);
    directory->changes = NULL;
    directory->changes_count = 0;
}

/* `name`, which is or was that of `subject`, now means it, or with `gone` nothing. */
static void directory_change(struct memory_io *memory, struct node *directory, const char *name, struct node *subject,
                             bool gone, bool with_next)
{
    struct node *node = gone ? NULL : subject;
    subject->refs += gone ? 1 : 2;
    memory_entries_set(memory, &directory->entries, name, node);
    directory->changes =
        xrealloc(directory->changes, (size_t)(directory->changes_count + 1) * sizeof *directory->changes);
    directory->changes[directory->changes_count++] = (struct change){xstrdup(name), node, subject, with_next};
}

static void directory_settle(struct memory_io *memory, struct node *directory)
{
    for (int i = 0; i < directory->changes_count; i++)
        memory_entries_set(memory, &directory->durable, directory->changes[i].name, directory->changes[i].node);
    memory_forget_changes(memory, directory);
}

/* Note a write, or without bytes a new size. */
static void note_write(struct node *node, int64_t position, const void *bytes, size_t size)
{
    struct write write = {.position = position, .size = size};
    if (bytes != NULL && size > 0) {
        write.bytes = xmalloc(size);
        memcpy(write.bytes, bytes, size);
    }
    node->writes = xrealloc(node->writes, (size_t)(node->writes_count + 1) * sizeof *node->writes);
    node->writes[node->writes_count++] = write;
}

/* The node at `path`, and when `parent` is given the directory that holds, or would hold, its last name (*name). */
static struct node *lookup(struct memory_io *memory, const char *path, struct node **parent, const char **name)
{
    struct node *node = memory->root, *above = NULL;
    const char *at = path;
    while (*at == '/')
        at++;
    while (*at != '\0') {
        size_t length = strcspn(at, "/");
        if (node == NULL || !node->is_directory) {
            above = NULL;
            node = NULL;
            break;
        }
        above = node;
        int i = entries_find(&node->entries, at, length);
        node = i >= 0 ? node->entries.list[i].node : NULL;
        if (name != NULL)
            *name = at;
        at += length;
        while (*at == '/')
            at++;
        if (*at != '\0' && node == NULL) {
            above = NULL;
            break;
        }
    }
    if (parent != NULL)
        *parent = above;
    return node;
}

static void resize(struct memory_io *memory, struct node *node, size_t size)
{
    if (size > node->capacity) {
        node->capacity = size * 2;
        node->bytes = xrealloc(node->bytes, node->capacity);
    }
    if (size > node->size)
        memset(node->bytes + node->size, 0, size - node->size);
    memory->used_bytes += (int64_t)size - (int64_t)node->size;
    node->size = size;
}

/* ---- faults ---------------------------------------------------------------------------------------------------- */

/* To be asked by each call: 0, or the negative errno that it fails with. */
static int fault(struct memory_io *memory, enum memory_call call)
{
    int bit = 0;
    while (1 << bit != (int)call)
        bit++;
    memory->calls[bit]++;
    if (!(memory->fault_calls & (int)call))
        return 0;
    if (memory->fault_fired)
        return memory->fault_for_good ? -memory->fault_error : 0;
    if (--memory->fault_in > 0)
        return 0;
    memory->fault_fired = true;
    return -memory->fault_error;
}

const struct fault_kind fault_kinds[FAULT_KINDS] = {
    {"EIO once",        EIO,    false},
    {"EIO for good",    EIO,    true },
    {"ENOSPC once",     ENOSPC, false},
    {"ENOSPC for good", ENOSPC, true },
};

void memory_io_fail(struct memory_io *memory, int calls, int k, int error, bool for_good)
{
    memory->fault_calls = k > 0 ? calls : 0;
    memory->fault_in = k;
    memory->fault_error = error;
    memory->fault_for_good = for_good;
    memory->fault_fired = false;
}

bool memory_io_fault_fired(const struct memory_io *memory)
{
    return memory->fault_fired;
}

void memory_io_write_at_most(struct memory_io *memory, size_t bytes)
{
    memory->write_at_most = bytes;
}

void memory_io_set_capacity(struct memory_io *memory, int64_t bytes)
{
    memory->capacity_bytes = bytes;
}

/* ---- the calls ------------------------------------------------------------------------------------------------- */

static struct memory_io *memory_of(struct file_io *io)
{
    return CONTAINER_OF(io, struct memory_io, io);
}

static int memory_open(struct file_io *io, const char *path, int flags, struct file **file)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_OPEN);
    if (error < 0)
        return error;
    struct node *parent;
    const char *name;
    struct node *node = lookup(memory, path, &parent, &name);
    if (node == NULL && (parent == NULL || !(flags & FILE_CREATE)))
        return -ENOENT;
    if (node != NULL && (flags & FILE_EXCLUSIVE))
        return -EEXIST;
    if (node != NULL && node->is_directory)
        return -EISDIR;
    if (node == NULL) {
        node = memory_node_new(false);
        directory_change(memory, parent, name, node, false, false);
    } else {
        node->refs++;
    }
    if (flags & FILE_TRUNCATE && node->size > 0) {
        resize(memory, node, 0);
        note_write(node, 0, NULL, 0);
    }
    *file = xmalloc(sizeof **file);
    **file = (struct file){.node = node, .writable = flags & FILE_WRITE};
    memory->open_count++;
    return 0;
}

static void memory_close(struct file_io *io, struct file *file)
{
    struct memory_io *memory = memory_of(io);
    if (file->has_lock)
        file->node->locked = false;
    memory_node_unref(memory, file->node);
    memory->open_count--;
    free(file);
}

static ssize_t memory_pread(struct file_io *io, struct file *file, void *bytes, size_t size, int64_t position)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_PREAD);
    if (error < 0)
        return error;
    const struct node *node = file->node;
    if (position >= (int64_t)node->size)
        return 0;
    if (size > node->size - (size_t)position)
        size = node->size - (size_t)position;
    memcpy(bytes, node->bytes + position, size);
    return (ssize_t)size;
}

static ssize_t memory_pwrite(struct file_io *io, struct file *file, const void *bytes, size_t size, int64_t position)
{
    struct memory_io *memory = memory_of(io);
    struct node *node = file->node;
    int error = file->writable ? fault(memory, CALL_PWRITE) : -EBADF;
    if (error < 0)
        size /= 2; /* something may have been written all the same */
    if (memory->write_at_most > 0 && size > memory->write_at_most)
        size = memory->write_at_most;
    size_t end = (size_t)position + size;
    if (memory->capacity_bytes >= 0 && end > node->size) {
        int64_t room = memory->capacity_bytes - memory->used_bytes;
        if ((int64_t)(end - node->size) > room) {
            int64_t fits = (int64_t)node->size + room - position;
            if (fits <= 0)
                return -ENOSPC;
            size = (size_t)fits;
            end = (size_t)position + size;
        }
    }
    if (end > node->size)
        resize(memory, node, end);
    memcpy(node->bytes + position, bytes, size);
    note_write(node, position, bytes, size);
    return error < 0 ? error : (ssize_t)size;
}

static ssize_t memory_pwritev(struct file_io *io, struct file *file, const struct iovec *parts, int count,
                              int64_t position)
{
    size_t size = 0;
    for (int i = 0; i < count; i++)
        size += parts[i].iov_len;
    uint8_t *bytes = xmalloc(size);
    for (int i = 0, at = 0; i < count; at += (int)parts[i].iov_len, i++)
        memcpy(bytes + at, parts[i].iov_base, parts[i].iov_len);
    ssize_t put = memory_pwrite(io, file, bytes, size, position);
    free(bytes);
    return put;
}

static void file_settle(struct node *node)
{
    node->synced_bytes = xrealloc(node->synced_bytes, node->size + 1);
    if (node->size > 0)
        memcpy(node->synced_bytes, node->bytes, node->size);
    node->synced_size = node->size;
    memory_forget_writes(node);
}

static int memory_sync(struct file_io *io, struct file *file)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_SYNC);
    if (error < 0)
        return error;
    file_settle(file->node);
    return 0;
}

static int memory_truncate(struct file_io *io, struct file *file, int64_t size_bytes)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_TRUNCATE);
    if (error == 0) {
        resize(memory, file->node, (size_t)size_bytes);
        note_write(file->node, size_bytes, NULL, 0);
    }
    return error;
}

static int64_t memory_size(struct file_io *io, struct file *file)
{
    int error = fault(memory_of(io), CALL_STAT);
    return error < 0 ? error : (int64_t)file->node->size;
}

static int memory_set_modified(struct file_io *io, struct file *file, int64_t modified_ms)
{
    int error = fault(memory_of(io), CALL_STAT);
    if (error == 0)
        file->node->modified_ms = modified_ms;
    return error;
}

static int memory_stat(struct file_io *io, const char *path, struct file_stat *stat)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_STAT);
    if (error < 0)
        return error;
    const struct node *node = lookup(memory, path, NULL, NULL);
    if (node == NULL)
        return -ENOENT;
    *stat = (struct file_stat){(int64_t)node->size, node->modified_ms, node->is_directory};
    return 0;
}

static int memory_rename(struct file_io *io, const char *from, const char *to)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_RENAME);
    if (error < 0)
        return error;
    struct node *from_parent, *to_parent;
    const char *from_name, *to_name;
    struct node *node = lookup(memory, from, &from_parent, &from_name);
    if (node == NULL)
        return -ENOENT;
    struct node *old = lookup(memory, to, &to_parent, &to_name);
    if (to_parent == NULL)
        return -ENOENT;
    if (old != NULL && old->is_directory && old->entries.count > 0)
        return -ENOTEMPTY;
    node->refs++;
    directory_change(memory, from_parent, from_name, node, true, from_parent == to_parent);
    directory_change(memory, to_parent, to_name, node, false, false);
    memory_node_unref(memory, node);
    return 0;
}

static int memory_remove(struct memory_io *memory, const char *path, bool directory)
{
    int error = fault(memory, CALL_UNLINK);
    if (error < 0)
        return error;
    struct node *parent;
    const char *name;
    struct node *node = lookup(memory, path, &parent, &name);
    if (node == NULL)
        return -ENOENT;
    if (node->is_directory != directory)
        return directory ? -ENOTDIR : -EISDIR;
    if (node->entries.count > 0)
        return -ENOTEMPTY;
    directory_change(memory, parent, name, node, true, false);
    return 0;
}

static int memory_unlink(struct file_io *io, const char *path)
{
    return memory_remove(memory_of(io), path, false);
}

static int memory_rmdir(struct file_io *io, const char *path)
{
    return memory_remove(memory_of(io), path, true);
}

static int memory_mkdir(struct file_io *io, const char *path)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_MKDIR);
    if (error < 0)
        return error;
    struct node *parent;
    const char *name;
    if (lookup(memory, path, &parent, &name) != NULL)
        return -EEXIST;
    if (parent == NULL)
        return -ENOENT;
    struct node *node = memory_node_new(true);
    directory_change(memory, parent, name, node, false, false);
    memory_node_unref(memory, node);
    return 0;
}

static int memory_list(struct file_io *io, const char *path, file_list_cb each, void *context)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_LIST);
    if (error < 0)
        return error;
    const struct node *node = lookup(memory, path, NULL, NULL);
    if (node == NULL)
        return -ENOENT;
    if (!node->is_directory)
        return -ENOTDIR;
    for (int i = 0; i < node->entries.count; i++)
        each(context, node->entries.list[i].name, node->entries.list[i].node->is_directory);
    return 0;
}

static int memory_sync_directory(struct file_io *io, const char *path)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_SYNC);
    if (error < 0)
        return error;
    struct node *node = lookup(memory, path, NULL, NULL);
    if (node == NULL)
        return -ENOENT;
    directory_settle(memory, node);
    return 0;
}

static void settle_all(struct memory_io *memory, struct node *node)
{
    if (!node->is_directory) {
        file_settle(node);
        return;
    }
    directory_settle(memory, node);
    for (int i = 0; i < node->entries.count; i++)
        settle_all(memory, node->entries.list[i].node);
}

static int memory_sync_all(struct file_io *io, const char *path)
{
    struct memory_io *memory = memory_of(io);
    int error = fault(memory, CALL_SYNC);
    if (error < 0)
        return error;
    if (lookup(memory, path, NULL, NULL) == NULL)
        return -ENOENT;
    settle_all(memory, memory->root);
    return 0;
}

static int memory_lock(struct file_io *io, struct file *file)
{
    (void)io;
    if (file->node->locked && !file->has_lock)
        return -EAGAIN;
    file->node->locked = file->has_lock = true;
    return 0;
}

static int memory_descriptor(struct file_io *io, struct file *file)
{
    (void)io;
    (void)file;
    return -1;
}

static int memory_space(struct file_io *io, const char *path, int64_t *total_bytes, int64_t *usable_bytes)
{
    struct memory_io *memory = memory_of(io);
    (void)path;
    *total_bytes = memory->capacity_bytes >= 0 ? memory->capacity_bytes : INT64_C(1) << 40;
    *usable_bytes = *total_bytes - memory->used_bytes;
    return 0;
}

/* ---- life, and looking ----------------------------------------------------------------------------------------- */

struct memory_io *memory_io_new(void)
{
    struct memory_io *memory = xcalloc(1, sizeof *memory);
    memory->io = (struct file_io){
        .open = memory_open,
        .close = memory_close,
        .pread = memory_pread,
        .pwrite = memory_pwrite,
        .pwritev = memory_pwritev,
        .sync = memory_sync,
        .truncate = memory_truncate,
        .size = memory_size,
        .set_modified = memory_set_modified,
        .stat = memory_stat,
        .rename = memory_rename,
        .unlink = memory_unlink,
        .mkdir = memory_mkdir,
        .rmdir = memory_rmdir,
        .list = memory_list,
        .sync_directory = memory_sync_directory,
        .sync_all = memory_sync_all,
        .lock = memory_lock,
        .descriptor = memory_descriptor,
        .space = memory_space,
    };
    memory->root = memory_node_new(true);
    memory->capacity_bytes = -1;
    if (memory_mkdir(&memory->io, "/data") < 0 || memory_sync_directory(&memory->io, "/") < 0)
        abort();
    return memory;
}

void memory_io_free(struct memory_io *memory)
{
    ASSERT(memory->open_count == 0);
    memory_node_unref(memory, memory->root);
    free(memory);
}

struct file_io *memory_io_files(struct memory_io *memory)
{
    return &memory->io;
}

int memory_io_open_count(const struct memory_io *memory)
{
    return memory->open_count;
}

int64_t memory_io_calls(const struct memory_io *memory, enum memory_call call)
{
    int64_t count = 0;
    for (int bit = 0; bit < (int)COUNT_OF(memory->calls); bit++)
        if ((int)call & 1 << bit)
            count += memory->calls[bit];
    return count;
}

bool memory_io_exists(struct memory_io *memory, const char *path)
{
    return lookup(memory, path, NULL, NULL) != NULL;
}

int64_t memory_io_size(struct memory_io *memory, const char *path)
{
    const struct node *node = lookup(memory, path, NULL, NULL);
    return node == NULL || node->is_directory ? -1 : (int64_t)node->size;
}

uint8_t *memory_io_bytes(struct memory_io *memory, const char *path, size_t *size)
{
    struct node *node = lookup(memory, path, NULL, NULL);
    if (node == NULL || node->is_directory)
        return NULL;
    if (node->bytes == NULL)
        node->bytes = xcalloc(1, node->capacity = 1);
    *size = node->size;
    return node->bytes;
}

void memory_io_set_modified(struct memory_io *memory, const char *path, int64_t modified_ms)
{
    struct node *node = lookup(memory, path, NULL, NULL);
    ASSERT(node != NULL);
    node->modified_ms = modified_ms;
}

void memory_io_put(struct memory_io *memory, const char *path, const void *bytes, size_t size)
{
    struct node *parent;
    const char *name;
    struct node *node = lookup(memory, path, &parent, &name);
    ASSERT(parent != NULL);
    if (node == NULL) {
        node = memory_node_new(false);
        directory_change(memory, parent, name, node, false, false);
        directory_settle(memory, parent);
        node->refs--;
    }
    resize(memory, node, size);
    if (size > 0)
        memcpy(node->bytes, bytes, size);
    struct file file = {.node = node};
    (void)memory_sync(&memory->io, &file);
}
