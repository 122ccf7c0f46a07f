/* DescribeLogDirs and AlterReplicaLogDirs: what lies in which of log.dirs, and moving it (KIP-113).
 *
 * Directories are told, and are to be named, by their absolute path, as Java makes it: symbolic links stay. To describe
 * ten thousand partitions their folders have to be looked at, which is done in parts, so that nobody else waits for it.
 */
#include "api.h"
#include "broker.h"
#include "errors.h"
#include "named_partitions.h"
#include "outcome.h"
#include "purgatory.h"
#include "topic_name.h"

#include <unistd.h>

#define FOLDERS_PER_TURN 64 /* a folder takes about 20 microseconds */

/* "TOPIC-PARTITION.<32 hex>-future" is to fit a file name. */
#define FUTURE_NAME_BYTES_MAX (255 - (1 + 1 + 32 + 7))

/* ---- directories ---------------------------------------------------------------------------------------------------- */

/* As java.io.File.getAbsolutePath(): without doubled and trailing slashes. NULL: no memory. */
static const char *absolute_path(struct arena *arena, const char *path)
{
    char folder[STORAGE_PATH_MAX];
    bool relative = path[0] != '/';
    if (relative && getcwd(folder, sizeof folder) == NULL)
        return path;
    char *absolute = arena_printf(arena, "%s/%s", relative ? folder : "", path);
    char *end = absolute;
    for (const char *at = absolute; absolute != NULL && *at != '\0'; at++)
        if (*at != '/' || end == absolute || end[-1] != '/')
            *end++ = *at;
    if (absolute != NULL && end > absolute + 1 && end[-1] == '/')
        end--;
    if (absolute != NULL)
        *end = '\0';
    return absolute;
}

/* The absolute paths of log.dirs, by number. NULL: no memory. */
static const char **directory_paths(struct request *request)
{
    const struct data_folders *folders = &request->broker->folders;
    const char **paths = arena_calloc(&request->arena, (size_t)folders->directories_count, sizeof *paths);
    for (int32_t i = 0; i < folders->directories_count && paths != NULL; i++) {
        paths[i] = absolute_path(&request->arena, folders->directories[i]);
        if (paths[i] == NULL)
            return NULL;
    }
    return paths;
}

/* ---- AlterReplicaLogDirs -------------------------------------------------------------------------------------------- */

static int find_directory(const struct request *request, const char *const *paths, struct kp_string path)
{
    for (int i = 0; i < request->broker->folders.directories_count; i++)
        if (kp_string_is(path, paths[i]))
            return i;
    return -1;
}

static bool future_name_fits(struct kp_string topic, int32_t partition)
{
    char number[16];
    return topic.size + snprintf(number, sizeof number, "%d", partition) <= FUTURE_NAME_BYTES_MAX;
}

static enum kafka_error move_partition(struct request *request, const char *const *paths,
                                       const struct named_partition *named)
{
    const struct kp_alter_replica_log_dirs_request_dirs *asked = named->item;
    struct broker *broker = request->broker;
    if (!future_name_fits(named->topic, named->partition))
        return KAFKA_INVALID_TOPIC_EXCEPTION;
    int directory = find_directory(request, paths, asked->path);
    if (directory < 0)
        return KAFKA_LOG_DIR_NOT_FOUND;
    if (log_store_directory_offline(broker->store, directory))
        return KAFKA_KAFKA_STORAGE_ERROR;
    struct partition *partition = topic_partition(catalog_topic(broker->catalog, named->topic), named->partition);
    if (partition != NULL)
        return kafka_error_of_storage(log_move(partition->log, directory, NULL));
    if (topic_name_check(named->topic) == NULL && named->partition >= 0)
        log_store_wish_directory(broker->store,
                                 arena_printf(&request->arena, "%.*s", (int)named->topic.size, named->topic.data),
                                 named->partition, directory);
    return KAFKA_UNKNOWN_TOPIC_OR_PARTITION;
}

/* All that the request names, each partition once; NULL: no memory. */
static struct named_partition *collect_moves(struct request *request, int32_t *count)
{
    const struct kp_alter_replica_log_dirs_request *body = request->body;
    size_t mentions = 0;
    for (int32_t d = 0; d < body->dirs_count; d++)
        for (int32_t t = 0; t < body->dirs[d].topics_count; t++)
            mentions += (size_t)body->dirs[d].topics[t].partitions_count;
    struct named_partition *named = arena_calloc(&request->arena, mentions, sizeof *named);
    *count = 0;
    for (int32_t d = 0; d < body->dirs_count && named != NULL; d++) {
        for (int32_t t = 0; t < body->dirs[d].topics_count; t++) {
            const struct kp_alter_replica_log_dirs_request_dirs_topics *topic = &body->dirs[d].topics[t];
            for (int32_t p = 0; p < topic->partitions_count; p++, (*count)++)
                named[*count] =
                    (struct named_partition){topic->name, topic->partitions[p], *count, &body->dirs[d], false};
        }
    }
    if (named != NULL)
        *count = named_partitions_settle(named, *count);
    return named;
}

void api_alter_replica_log_dirs(struct request *request)
{
    struct kp_alter_replica_log_dirs_response response = kp_alter_replica_log_dirs_response_default;
    int32_t count;
    const char **paths = directory_paths(request);
    const struct named_partition *named = collect_moves(request, &count);
    response.results = arena_calloc(&request->arena, (size_t)count, sizeof *response.results);
    struct kp_alter_replica_log_dirs_response_results_partitions *partitions =
        arena_calloc(&request->arena, (size_t)count, sizeof *partitions);
    if (paths == NULL || named == NULL || response.results == NULL || partitions == NULL) {
        request_close(request, NO_MEMORY);
        return;
    }
    for (int32_t i = 0, end; i < count; i = end) {
        struct kp_alter_replica_log_dirs_response_results *topic = &response.results[response.results_count++];
        end = named_partitions_topic_end(named, count, i);
        *topic = (struct kp_alter_replica_log_dirs_response_results){
            .topic_name = named[i].topic, .partitions = &partitions[i], .partitions_count = end - i};
        for (int32_t p = i; p < end; p++)
            partitions[p] = (struct kp_alter_replica_log_dirs_response_results_partitions){
                .partition_index = named[p].partition,
                .error_code = (int16_t)move_partition(request, paths, &named[p])};
    }
    request_respond(request, &response);
}

/* ---- DescribeLogDirs ------------------------------------------------------------------------------------------------ */

/* A log, or the copy of one, where it was found. */
struct found_log {
    int directory;
    struct kp_string topic; /* in the request's arena */
    int32_t partition;
    int64_t size_bytes, offset_lag;
    bool is_future;
};

/* A description on its way: the partitions that are asked for, by name and number, and what was found of the first
 * ones. Topics may come and go between two turns. */
struct description {
    struct request *request;
    struct named_partition *named;
    int32_t count, next;
    struct found_log *found;
    int32_t found_count;
    struct purgatory_wait wait;
};

static void note_log(struct description *description, const struct named_partition *named,
                     const struct log_place *place, bool is_future)
{
    description->found[description->found_count++] = (struct found_log){
        .directory = place->directory,
        .topic = named->topic,
        .partition = named->partition,
        .size_bytes = place->size_bytes,
        .offset_lag = is_future ? place->offset_lag : 0,
        .is_future = is_future,
    };
}

/* Look at the next partitions. True when all were looked at. */
static bool look_on(struct description *description)
{
    const struct catalog *catalog = description->request->broker->catalog;
    for (int32_t i = 0; i < FOLDERS_PER_TURN && description->next < description->count; i++) {
        const struct named_partition *named = &description->named[description->next++];
        struct partition *partition = topic_partition(catalog_topic(catalog, named->topic), named->partition);
        struct log_place place;
        if (partition == NULL || log_find_place(partition->log, &place) < 0)
            continue;
        note_log(description, named, &place, false);
        if (log_future_place(partition->log, &place))
            note_log(description, named, &place, true);
    }
    return description->next == description->count;
}

/* What was found in one directory, by topic. False: no memory. */
static bool fill_directory(const struct description *description, int directory,
                           struct kp_describe_log_dirs_response_results *result)
{
    struct arena *arena = &description->request->arena;
    size_t count = (size_t)description->found_count;
    struct kp_describe_log_dirs_response_results_topics *topics = arena_calloc(arena, count, sizeof *topics);
    struct kp_describe_log_dirs_response_results_topics_partitions *partitions =
        arena_calloc(arena, count, sizeof *partitions);
    struct kp_describe_log_dirs_response_results_topics *topic = NULL;
    result->topics = topics;
    for (size_t i = 0; i < count && topics != NULL && partitions != NULL; i++) {
        const struct found_log *log = &description->found[i];
        if (log->directory != directory)
            continue;
        if (topic == NULL || !kp_string_equal(topic->name, log->topic)) {
            topic = &topics[result->topics_count++];
            *topic =
                (struct kp_describe_log_dirs_response_results_topics){.name = log->topic, .partitions = partitions};
        }
        *partitions++ =
            (struct kp_describe_log_dirs_response_results_topics_partitions){.partition_index = log->partition,
                                                                             .partition_size = log->size_bytes,
                                                                             .offset_lag = log->offset_lag,
                                                                             .is_future_key = log->is_future};
        topic->partitions_count++;
    }
    return topics != NULL && partitions != NULL;
}

static void answer_description(struct description *description)
{
    struct request *request = description->request;
    struct kp_describe_log_dirs_response response = kp_describe_log_dirs_response_default;
    const char **paths = directory_paths(request);
    int count = log_store_directories_count(request->broker->store);
    response.results = arena_calloc(&request->arena, (size_t)count, sizeof *response.results);
    bool fits = paths != NULL && response.results != NULL;
    for (int i = 0; i < count && fits; i++) {
        struct kp_describe_log_dirs_response_results *result = &response.results[response.results_count++];
        *result = kp_describe_log_dirs_response_results_default;
        result->log_dir = kp_string_of(paths[i]);
        int64_t total_bytes, usable_bytes;
        result->error_code =
            (int16_t)kafka_error_of_storage(log_store_space(request->broker->store, i, &total_bytes, &usable_bytes));
        if (result->error_code != KAFKA_NONE)
            continue;
        result->total_bytes = total_bytes;
        result->usable_bytes = usable_bytes;
        fits = fill_directory(description, i, result);
    }
    if (fits)
        request_respond(request, &response);
    else
        request_close(request, NO_MEMORY);
}

static void description_canceled(struct request *request)
{
    struct description *description = request->parked;
    purgatory_end(&description->wait);
}

static void description_next(struct purgatory_wait *wait, bool expired);

/* Go on in the next turn. */
static void wait_a_turn(struct description *description)
{
    struct broker *broker = description->request->broker;
    purgatory_begin(&description->wait, broker, broker->env->now(broker->env).mono_ms + 1, NULL, description_next);
}

static void description_next(struct purgatory_wait *wait, bool expired)
{
    struct description *description = CONTAINER_OF(wait, struct description, wait);
    (void)expired; /* time is all that it waits for */
    purgatory_end(wait);
    if (look_on(description))
        answer_description(description);
    else
        wait_a_turn(description);
}

static void name_partition(struct description *description, struct kp_string topic, int32_t partition)
{
    description->named[description->count] =
        (struct named_partition){.topic = topic, .partition = partition, .position = description->count};
    description->count++;
}

/* Names borrow the frame or the catalog: what waits needs its own. */
static bool copy_name(struct arena *arena, struct kp_string *name)
{
    char *copy = arena_copy(arena, name->data, (size_t)name->size);
    *name = (struct kp_string){copy, name->size};
    return copy != NULL;
}

static bool name_all(struct description *description)
{
    const struct catalog *catalog = description->request->broker->catalog;
    struct arena *arena = &description->request->arena;
    size_t count = 0;
    for (int32_t t = 0; t < catalog_topics_count(catalog); t++)
        count += (size_t)catalog_topic_at(catalog, t)->partitions_count;
    description->named = arena_calloc(arena, count, sizeof *description->named);
    bool fits = description->named != NULL;
    for (int32_t t = 0; t < catalog_topics_count(catalog) && fits; t++) {
        const struct topic *topic = catalog_topic_at(catalog, t);
        struct kp_string name = kp_string_of(topic->name);
        fits = copy_name(arena, &name);
        for (int32_t p = 0; p < topic->partitions_count && fits; p++)
            name_partition(description, name, p);
    }
    return fits;
}

static bool name_asked(struct description *description)
{
    const struct kp_describe_log_dirs_request *body = description->request->body;
    struct arena *arena = &description->request->arena;
    size_t count = 0;
    for (int32_t t = 0; t < body->topics_count; t++)
        count += (size_t)body->topics[t].partitions_count;
    description->named = arena_calloc(arena, count, sizeof *description->named);
    bool fits = description->named != NULL;
    for (int32_t t = 0; t < body->topics_count && fits; t++) {
        struct kp_string name = body->topics[t].topic;
        fits = copy_name(arena, &name);
        for (int32_t p = 0; p < body->topics[t].partitions_count && fits; p++)
            name_partition(description, name, body->topics[t].partitions[p]);
    }
    description->count = named_partitions_settle(description->named, description->count);
    return fits;
}

void api_describe_log_dirs(struct request *request)
{
    const struct kp_describe_log_dirs_request *body = request->body;
    struct description *description = arena_calloc(&request->arena, 1, sizeof *description);
    bool fits = description != NULL;
    if (fits) {
        description->request = request;
        fits = body->topics_count < 0 ? name_all(description) : name_asked(description);
    }
    if (fits) { /* each log may have a copy */
        description->found = arena_calloc(&request->arena, 2 * (size_t)description->count, sizeof *description->found);
        fits = description->found != NULL;
    }
    if (!fits) {
        request_close(request, NO_MEMORY);
    } else if (look_on(description)) {
        answer_description(description);
    } else {
        wait_a_turn(description);
        request->parked = description;
        request_park(request, description_canceled);
    }
}
