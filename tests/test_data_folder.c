/* Data folders, temporary ones and the lock, in broker/data_folder.c and broker/ephemeral.c. On real files in a folder
 * of the test's own: locks, modes and links are the system's. */
#include <fcntl.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "broker/data_folder.h"
#include "broker/ephemeral.h"
#include "broker/notify.h"
#include "tests/lib/test_env.h"

struct fixture {
    char root[64];
    struct test_env env;
    struct config config;
    struct data_folders folders;
    char text[2048];
    char error[CONFIG_ERROR_SIZE];
};

static int remove_entry(const char *path, const struct stat *info, int kind, struct FTW *place)
{
    (void)info;
    (void)kind;
    (void)place;
    return remove(path);
}

/* log.dirs = ROOT/NAME,... for the names separated by commas. */
static void configure(struct fixture *f, const char *names, const char *node_id)
{
    char dirs[512] = "";
    char *copy = xstrdup(names);
    for (char *name = strtok(copy, ","); name != NULL; name = strtok(NULL, ",")) {
        size_t used = strlen(dirs);
        snprintf(dirs + used, sizeof dirs - used, "%s%s/%s", used > 0 ? "," : "", f->root, name);
    }
    free(copy);
    if (f->config.settings != NULL) {
        config_release(&f->config);
    }
    config_init(&f->config);
    assert_true(config_set(&f->config, "log.dirs", dirs, "test", f->error));
    assert_true(config_set(&f->config, "node.id", node_id, "test", f->error));
    assert_true(config_finish(&f->config, f->error));
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    snprintf(f->root, sizeof f->root, "/tmp/dohle-test-folder-XXXXXX");
    assert_non_null(mkdtemp(f->root));
    test_env_init(&f->env, file_io_posix());
    configure(f, "data", "1");
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    config_release(&f->config);
    nftw(f->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(f);
    return 0;
}

static bool open_folders(struct fixture *f)
{
    return data_folders_open(&f->folders, &f->config, &f->env.env);
}

static void write_text(struct fixture *f, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

/* NULL when the file is not there. */
static const char *read_text(struct fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        return NULL;
    }
    size_t size = fread(f->text, 1, sizeof f->text - 1, file);
    f->text[size] = '\0';
    fclose(file);
    return f->text;
}

static void make_folder(struct fixture *f, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", f->root, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void assert_refuses(struct fixture *f, const char *meta)
{
    make_folder(f, "data");
    write_text(f, "data/meta.properties", meta);
    assert_false(open_folders(f));
    assert_null(f->folders.items);
}

/* ---- meta.properties -------------------------------------------------------------------------------------------------------- */

static void a_missing_folder_is_made_with_those_above_and_formatted(void **state)
{
    struct fixture *f = *state;
    configure(f, "a/b/data", "7");
    assert_true(open_folders(f));
    assert_true(f->folders.items[0].formatted);
    assert_true(f->folders.clean);
    char directory_id[KP_UUID_TEXT_SIZE];
    kp_uuid_text(f->folders.items[0].directory_id, directory_id);
    char expected[512];
    snprintf(expected, sizeof expected,
             "#\n#Tue Nov 14 22:13:20 UTC 2023\nnode.id=7\ndirectory.id=%s\nversion=1\ncluster.id=%s\n", directory_id,
             f->folders.cluster_id);
    assert_string_equal(read_text(f, "a/b/data/meta.properties"), expected);
    assert_int_equal(strlen(f->folders.cluster_id), 22);
    data_folders_close(&f->folders);
}

static void ids_stay_from_one_start_to_the_next(void **state)
{
    struct fixture *f = *state;
    assert_true(open_folders(f));
    char cluster_id[CLUSTER_ID_SIZE];
    memcpy(cluster_id, f->folders.cluster_id, sizeof cluster_id);
    struct kp_uuid directory_id = f->folders.items[0].directory_id;
    data_folders_close(&f->folders);
    assert_true(open_folders(f));
    assert_string_equal(f->folders.cluster_id, cluster_id);
    assert_true(kp_uuid_equal(f->folders.items[0].directory_id, directory_id));
    assert_false(f->folders.items[0].formatted);
    data_folders_close(&f->folders);
}

/* Written by Apache Kafka 4.4.0. */
static void a_folder_of_kafka_is_opened(void **state)
{
    struct fixture *f = *state;
    make_folder(f, "data");
    make_folder(f, "data/__cluster_metadata-0");
    write_text(f, "data/meta.properties",
               "#\n#Mon Nov 23 02:41:21 UTC 2026\nnode.id=1\ndirectory.id=xmnW4P5YQ6Gz3Uu_uGIOUg\n"
               "version=1\ncluster.id=AWFSc9fwREiArttvx21CHQ\n");
    write_text(f, "data/.kafka_cleanshutdown", "{\"version\":0,\"brokerEpoch\":14}");
    assert_true(open_folders(f));
    assert_string_equal(f->folders.cluster_id, "AWFSc9fwREiArttvx21CHQ");
    char directory_id[KP_UUID_TEXT_SIZE];
    kp_uuid_text(f->folders.items[0].directory_id, directory_id);
    assert_string_equal(directory_id, "xmnW4P5YQ6Gz3Uu_uGIOUg");
    assert_true(f->folders.clean);
    assert_int_equal(f->folders.clean_broker_epoch, 14);
    data_folders_close(&f->folders);
}

/* Kafka before 3.7 wrote none, and 3.7 adds it. */
static void a_missing_directory_id_is_added(void **state)
{
    struct fixture *f = *state;
    make_folder(f, "data");
    write_text(f, "data/meta.properties", "node.id=1\nversion=1\ncluster.id=any text\n");
    assert_true(open_folders(f));
    assert_non_null(strstr(read_text(f, "data/meta.properties"), "\ndirectory.id="));
    assert_non_null(strstr(f->text, "\ncluster.id=any text\n"));
    data_folders_close(&f->folders);
}

static void several_folders_share_the_cluster_and_have_ids_of_their_own(void **state)
{
    struct fixture *f = *state;
    configure(f, "a,b", "1");
    make_folder(f, "b");
    write_text(f, "b/meta.properties",
               "node.id=1\nversion=1\ncluster.id=AWFSc9fwREiArttvx21CHQ\ndirectory.id=xmnW4P5YQ6Gz3Uu_uGIOUg\n");
    assert_true(open_folders(f));
    assert_int_equal(f->folders.directories_count, 2);
    assert_int_equal(f->folders.metadata, 0);
    assert_non_null(strstr(read_text(f, "a/meta.properties"), "\ncluster.id=AWFSc9fwREiArttvx21CHQ\n"));
    assert_false(kp_uuid_equal(f->folders.items[0].directory_id, f->folders.items[1].directory_id));
    data_folders_close(&f->folders);
}

static void the_metadata_log_may_have_a_folder_of_its_own(void **state)
{
    struct fixture *f = *state;
    char metadata[128];
    snprintf(metadata, sizeof metadata, "%s/m", f->root);
    config_release(&f->config);
    config_init(&f->config);
    char data[128];
    snprintf(data, sizeof data, "%s/data", f->root);
    assert_true(config_set(&f->config, "log.dirs", data, "test", f->error));
    assert_true(config_set(&f->config, "metadata.log.dir", metadata, "test", f->error));
    assert_true(config_finish(&f->config, f->error));
    assert_true(open_folders(f));
    assert_int_equal(f->folders.count, 2);
    assert_int_equal(f->folders.directories_count, 1);
    assert_int_equal(f->folders.metadata, 1);
    assert_non_null(read_text(f, "m/meta.properties"));
    data_folders_close(&f->folders);
}

static void the_folder_of_another_node_is_refused(void **state)
{
    assert_refuses(*state, "version=1\ncluster.id=c\nnode.id=2\n");
}

static void a_folder_of_the_time_of_zookeeper_is_refused(void **state)
{
    assert_refuses(*state, "version=0\ncluster.id=c\nbroker.id=1\n");
}

static void a_newer_form_of_meta_properties_is_refused(void **state)
{
    assert_refuses(*state, "version=2\ncluster.id=c\nnode.id=1\n");
}

static void meta_properties_without_a_cluster_is_refused(void **state)
{
    assert_refuses(*state, "version=1\nnode.id=1\n");
}

static void a_directory_id_that_is_no_uuid_is_refused(void **state)
{
    assert_refuses(*state, "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=x\n");
}

static void a_value_that_is_far_too_long_is_refused(void **state)
{
    assert_refuses(
        *state,
        "version=1\ncluster.id=0123456789012345678901234567890123456789012345678901234567890123456789\nnode.id=1\n");
}

static void folders_of_different_clusters_are_refused(void **state)
{
    struct fixture *f = *state;
    configure(f, "a,b", "1");
    make_folder(f, "a");
    make_folder(f, "b");
    write_text(f, "a/meta.properties", "version=1\ncluster.id=c\nnode.id=1\n");
    write_text(f, "b/meta.properties", "version=1\ncluster.id=d\nnode.id=1\n");
    assert_false(open_folders(f));
}

static void a_folder_with_other_files_is_refused_and_left_alone(void **state)
{
    struct fixture *f = *state;
    make_folder(f, "data");
    write_text(f, "data/thesis.txt", "x");
    assert_false(open_folders(f));
    assert_null(read_text(f, "data/meta.properties"));
}

/* As Kafka, which is stopped by what another broker wrote: of version 0, or with no version at all. */
static void an_empty_meta_properties_is_refused(void **state)
{
    assert_refuses(*state, "");
}

static void a_copy_of_a_folder_beside_it_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *meta = "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=xmnW4P5YQ6Gz3Uu_uGIOUg\n";
    configure(f, "a,b", "1");
    make_folder(f, "a");
    make_folder(f, "b");
    write_text(f, "a/meta.properties", meta);
    write_text(f, "b/meta.properties", meta);
    assert_false(open_folders(f));
}

static void a_file_in_the_place_of_the_folder_is_refused(void **state)
{
    struct fixture *f = *state;
    write_text(f, "data", "x");
    assert_false(open_folders(f));
}

/* ---- one of several is offline ------------------------------------------------------------------------------------- */

#define GOOD_META "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=xmnW4P5YQ6Gz3Uu_uGIOUg\n"

/* Why folder `b` cannot be used, or must not be. Those that Kafka 4.4 starts with are offline; so is, where Kafka ends
 * with an exception, a lock that cannot be opened. */
static const struct second_folder {
    const char *name;
    const char *file, *text; /* written into the folder; no text: a folder of that name; no file: `b` is a file */
    bool starts;
} second_folders[] = {
    {"is a file",            NULL,              NULL,                                                   true },
    {"lock is a folder",     ".lock",           NULL,                                                   true },
    {"meta is a folder",     "meta.properties", NULL,                                                   true },
    {"escape is wrong",      "meta.properties", "version=1\ncluster.id=c\nnode.id=1\nx=\\uzzzz\n",      true },
    {"of a newer form",      "meta.properties", "version=7\ncluster.id=c\nnode.id=1\n",                 true },
    {"without a cluster",    "meta.properties", "version=1\nnode.id=1\n",                               true },
    {"without a node",       "meta.properties", "version=1\ncluster.id=c\n",                            true },
    {"node is no number",    "meta.properties", "version=1\ncluster.id=c\nnode.id=x\n",                 true },
    {"id is no uuid",        "meta.properties", "version=1\ncluster.id=c\nnode.id=1\ndirectory.id=z\n", true },
    {"of another node",      "meta.properties", "version=1\ncluster.id=c\nnode.id=2\n",                 false},
    {"of another cluster",   "meta.properties", "version=1\ncluster.id=d\nnode.id=1\n",                 false},
    {"of ZooKeeper's time",  "meta.properties", "version=0\ncluster.id=c\nbroker.id=1\n",               false},
    {"a copy of the first",  "meta.properties", GOOD_META,                                              false},
    {"with files of others", "thesis.txt",      "x",                                                    false},
};

static void put_second_folder(struct fixture *f, const struct second_folder *second)
{
    char path[128];
    if (second->file == NULL) {
        write_text(f, "b", "x");
        return;
    }
    make_folder(f, "b");
    snprintf(path, sizeof path, "b/%s", second->file);
    if (second->text == NULL)
        make_folder(f, path);
    else
        write_text(f, path, second->text);
}

static void remove_folders(struct fixture *f)
{
    nftw(f->root, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    assert_int_equal(mkdir(f->root, 0700), 0);
}

/* The first folder has the metadata log; with `metadata_first` false the second one. */
static bool open_with(struct fixture *f, const struct second_folder *second, bool metadata_first)
{
    remove_folders(f);
    configure(f, metadata_first ? "a,b" : "b,a", "1");
    make_folder(f, "a");
    write_text(f, "a/meta.properties", GOOD_META);
    put_second_folder(f, second);
    return open_folders(f);
}

static void a_folder_that_cannot_be_used_is_offline_and_the_others_are_used(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(second_folders); i++) {
        bool opened = open_with(f, &second_folders[i], true);
        if (opened != second_folders[i].starts)
            fail_msg("a second folder that %s: opened %d", second_folders[i].name, opened);
        if (!opened)
            continue;
        assert_false(f->folders.items[0].offline || f->folders.directories_offline[0]);
        assert_true(f->folders.items[1].offline && f->folders.directories_offline[1]);
        assert_null(f->folders.items[1].lock);
        assert_true(f->folders.items[1].trouble_detail[0] != '\0');
        assert_true(data_folders_started(&f->folders));
        data_folders_close(&f->folders);
    }
}

static void the_folder_with_the_metadata_log_must_be_usable(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < COUNT_OF(second_folders); i++)
        if (open_with(f, &second_folders[i], false))
            fail_msg("a metadata folder that %s is used", second_folders[i].name);
}

static void one_folder_of_log_dirs_must_be_usable(void **state)
{
    struct fixture *f = *state;
    char metadata[128];
    configure(f, "a,b", "1");
    snprintf(metadata, sizeof metadata, "%s/m", f->root);
    f->config.metadata_log_dir = metadata;
    write_text(f, "a", "x");
    write_text(f, "b", "x");
    assert_false(open_folders(f));
}

/* Nothing in it is touched, so that it is as it was when it is back: also its own mark. */
static void what_is_offline_keeps_its_mark_and_makes_no_stop_unclean(void **state)
{
    struct fixture *f = *state;
    char from[128], to[128];
    configure(f, "a,b", "1");
    assert_true(open_folders(f));
    assert_true(data_folders_mark_clean(&f->folders, 3));
    data_folders_close(&f->folders);
    snprintf(from, sizeof from, "%s/b", f->root);
    snprintf(to, sizeof to, "%s/away", f->root);
    assert_int_equal(rename(from, to), 0);
    write_text(f, "b", "x");

    assert_true(open_folders(f));
    assert_true(f->folders.clean);
    assert_int_equal(f->folders.clean_broker_epoch, 3);
    assert_true(data_folders_started(&f->folders));
    assert_null(read_text(f, "a/.kafka_cleanshutdown"));
    assert_true(data_folders_mark_clean(&f->folders, 4));
    data_folders_close(&f->folders);

    assert_int_equal(unlink(from), 0);
    assert_int_equal(rename(to, from), 0);
    assert_string_equal(read_text(f, "b/.kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":3}");
    assert_true(open_folders(f));
    assert_true(f->folders.clean);
    assert_false(f->folders.items[1].offline);
    data_folders_close(&f->folders);
}

/* ---- lock and clean stop -------------------------------------------------------------------------------------------------------- */

static void a_second_broker_of_another_process_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(open_folders(f));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct data_folders second;
        _exit(data_folders_open(&second, &f->config, &f->env.env) ? 1 : 0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    data_folders_close(&f->folders);
    assert_true(open_folders(f));
    data_folders_close(&f->folders);
}

#ifdef F_OFD_SETLK
static void a_second_broker_of_the_same_process_is_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(open_folders(f));
    struct data_folders second;
    assert_false(data_folders_open(&second, &f->config, &f->env.env));
    data_folders_close(&f->folders);
}
#endif

static void a_stop_is_clean_when_it_was_marked_and_the_start_removes_the_mark(void **state)
{
    struct fixture *f = *state;
    assert_true(open_folders(f));
    assert_true(data_folders_started(&f->folders));
    assert_true(data_folders_mark_clean(&f->folders, 16));
    data_folders_close(&f->folders);
    assert_string_equal(read_text(f, "data/.kafka_cleanshutdown"), "{\"version\":0,\"brokerEpoch\":16}");

    assert_true(open_folders(f));
    assert_true(f->folders.clean);
    assert_int_equal(f->folders.clean_broker_epoch, 16);
    assert_true(data_folders_started(&f->folders));
    assert_null(read_text(f, "data/.kafka_cleanshutdown"));
    data_folders_close(&f->folders);

    assert_true(open_folders(f));
    assert_false(f->folders.clean);
    assert_int_equal(f->folders.clean_broker_epoch, -1);
    data_folders_close(&f->folders);
}

static void one_folder_without_the_mark_makes_the_stop_unclean(void **state)
{
    struct fixture *f = *state;
    configure(f, "a,b", "1");
    assert_true(open_folders(f));
    assert_true(data_folders_mark_clean(&f->folders, 3));
    data_folders_close(&f->folders);
    char path[128];
    snprintf(path, sizeof path, "%s/b/.kafka_cleanshutdown", f->root);
    assert_int_equal(unlink(path), 0);
    assert_true(open_folders(f));
    assert_false(f->folders.clean);
    data_folders_close(&f->folders);
}

static void a_mark_that_cannot_be_read_is_a_mark_without_an_epoch(void **state)
{
    struct fixture *f = *state;
    assert_true(open_folders(f));
    data_folders_close(&f->folders);
    write_text(f, "data/.kafka_cleanshutdown", "");
    assert_true(open_folders(f));
    assert_true(f->folders.clean);
    assert_int_equal(f->folders.clean_broker_epoch, -1);
    data_folders_close(&f->folders);
}

/* ---- ephemeral ---------------------------------------------------------------------------------------------------------------------- */

static void an_ephemeral_folder_is_private_and_gone_at_the_end(void **state)
{
    struct fixture *f = *state;
    setenv("TMPDIR", f->root, 1);
    f->config.ephemeral = true;
    assert_true(open_folders(f));
    char path[256];
    snprintf(path, sizeof path, "%s", f->config.log_dirs[0]);
    assert_memory_equal(path, f->root, strlen(f->root));
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0700);
    data_folders_close(&f->folders);
    assert_int_equal(stat(path, &info), -1);
    unsetenv("TMPDIR");
}

/* Nothing has changed in the folder for an hour. */
static void let_rest(const char *path)
{
    const struct timespec before = {.tv_sec = time(NULL) - 3600};
    assert_int_equal(utimensat(AT_FDCWD, path, (struct timespec[]){before, before}, 0), 0);
}

/* The lock of a killed broker is gone, so that its folder can be told from one in use. Links are never followed. */
static void leftovers_of_killed_runs_are_swept_and_nothing_else(void **state)
{
    struct fixture *f = *state;
    setenv("TMPDIR", f->root, 1);
    make_folder(f, "dohle-ephemeral-killed");
    make_folder(f, "dohle-ephemeral-killed/t-0");
    write_text(f, "dohle-ephemeral-killed/.lock", "");
    write_text(f, "dohle-ephemeral-killed/t-0/x.log", "x");
    make_folder(f, "dohle-ephemeral-new"); /* no lock yet: about to be made */
    make_folder(f, "dohle-ephemeral-making");
    write_text(f, "dohle-ephemeral-making/.lock", ""); /* about to be taken */
    make_folder(f, "other");
    write_text(f, "other/.lock", "");
    char target[128];
    char path[128];
    snprintf(target, sizeof target, "%s/other", f->root);
    snprintf(path, sizeof path, "%s/dohle-ephemeral-link", f->root);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/dohle-ephemeral-killed/link", f->root);
    assert_int_equal(symlink(target, path), 0);
    snprintf(path, sizeof path, "%s/dohle-ephemeral-killed", f->root);
    let_rest(path);

    char *made = ephemeral_folder_make(file_io_posix());
    assert_non_null(made);
    struct stat info;
    snprintf(path, sizeof path, "%s/dohle-ephemeral-killed", f->root);
    assert_int_equal(stat(path, &info), -1);
    snprintf(path, sizeof path, "%s/dohle-ephemeral-new", f->root);
    assert_int_equal(stat(path, &info), 0);
    snprintf(path, sizeof path, "%s/dohle-ephemeral-making", f->root);
    assert_int_equal(stat(path, &info), 0);
    assert_non_null(read_text(f, "other/.lock"));
    free(made);
    unsetenv("TMPDIR");
}

static void a_folder_whose_lock_is_held_is_not_swept(void **state)
{
    struct fixture *f = *state;
    setenv("TMPDIR", f->root, 1);
    f->config.ephemeral = true;
    assert_true(open_folders(f));
    let_rest(f->config.log_dirs[0]);
    pid_t child = fork(); /* another process, whose locks are its own */
    assert_true(child >= 0);
    if (child == 0) {
        free(ephemeral_folder_make(file_io_posix()));
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    struct stat info;
    assert_int_equal(stat(f->config.log_dirs[0], &info), 0);
    data_folders_close(&f->folders);
    unsetenv("TMPDIR");
}

/* ---- sd_notify ------------------------------------------------------------------------------------------------------------------------ */

static void the_service_manager_is_told_when_it_asks(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(address.sun_path, sizeof address.sun_path, "%s/notify", f->root);
    int descriptor = socket(AF_UNIX, SOCK_DGRAM, 0);
    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    notify_service_manager("READY=1"); /* nobody asked yet */
    setenv("NOTIFY_SOCKET", address.sun_path, 1);
    notify_service_manager("STOPPING=1");
    unsetenv("NOTIFY_SOCKET");
    char text[64] = "";
    assert_int_equal(recv(descriptor, text, sizeof text, MSG_DONTWAIT), strlen("STOPPING=1"));
    assert_string_equal(text, "STOPPING=1");
    close(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_missing_folder_is_made_with_those_above_and_formatted, setup, teardown),
        cmocka_unit_test_setup_teardown(ids_stay_from_one_start_to_the_next, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_kafka_is_opened, setup, teardown),
        cmocka_unit_test_setup_teardown(a_missing_directory_id_is_added, setup, teardown),
        cmocka_unit_test_setup_teardown(several_folders_share_the_cluster_and_have_ids_of_their_own, setup, teardown),
        cmocka_unit_test_setup_teardown(the_metadata_log_may_have_a_folder_of_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(the_folder_of_another_node_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_the_time_of_zookeeper_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_newer_form_of_meta_properties_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(meta_properties_without_a_cluster_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_directory_id_that_is_no_uuid_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_value_that_is_far_too_long_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(folders_of_different_clusters_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_with_other_files_is_refused_and_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(an_empty_meta_properties_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_copy_of_a_folder_beside_it_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_in_the_place_of_the_folder_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_that_cannot_be_used_is_offline_and_the_others_are_used, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(the_folder_with_the_metadata_log_must_be_usable, setup, teardown),
        cmocka_unit_test_setup_teardown(one_folder_of_log_dirs_must_be_usable, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_offline_keeps_its_mark_and_makes_no_stop_unclean, setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_broker_of_another_process_is_refused, setup, teardown),
#ifdef F_OFD_SETLK
        cmocka_unit_test_setup_teardown(a_second_broker_of_the_same_process_is_refused, setup, teardown),
#endif
        cmocka_unit_test_setup_teardown(a_stop_is_clean_when_it_was_marked_and_the_start_removes_the_mark, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(one_folder_without_the_mark_makes_the_stop_unclean, setup, teardown),
        cmocka_unit_test_setup_teardown(a_mark_that_cannot_be_read_is_a_mark_without_an_epoch, setup, teardown),
        cmocka_unit_test_setup_teardown(an_ephemeral_folder_is_private_and_gone_at_the_end, setup, teardown),
        cmocka_unit_test_setup_teardown(leftovers_of_killed_runs_are_swept_and_nothing_else, setup, teardown),
        cmocka_unit_test_setup_teardown(a_folder_whose_lock_is_held_is_not_swept, setup, teardown),
        cmocka_unit_test_setup_teardown(the_service_manager_is_told_when_it_asks, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
