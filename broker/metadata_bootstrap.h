/* What a folder was formatted with, as long as nobody has started on it: the records that its metadata log is to begin
 * with. Kafka's storage tool writes them, older releases (3.9 among them) into bootstrap.checkpoint of the folder that
 * holds the metadata log, newer ones (4.4) into the checkpoint at offset 0 of the log itself. Both have the form of a
 * checkpoint (metadata_snapshot.h). The first controller takes them over into the log; later they say nothing.
 *
 * They are levels of features (a folder may be formatted with an older metadata.version), SCRAM credentials and
 * settings. A folder with others, or with a level that is not known here, is refused before anything is written. */
#ifndef DOHLE_BROKER_METADATA_BOOTSTRAP_H
#define DOHLE_BROKER_METADATA_BOOTSTRAP_H

#include "metadata_log.h"

/* Was the folder `directory` formatted by a Kafka that writes bootstrap.checkpoint? */
bool metadata_bootstrap_exists(struct file_io *files, const char *directory);

/* Add the records to `batch`, none where there are none. False: *error (METADATA_LOG_ERROR_SIZE) says why they cannot
 * be taken. */
bool metadata_bootstrap_add(struct file_io *files, const char *directory, struct metadata_batch *batch,
                            char *error) WARN_UNUSED;

#endif
