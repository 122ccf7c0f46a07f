/* How the program is started: command line, environment and configuration file, read into struct config. */
#ifndef DOHLE_BROKER_OPTIONS_H
#define DOHLE_BROKER_OPTIONS_H

#include "../storage/file_io.h"
#include "config.h"

/* Exit statuses of the program besides 0, those of sysexits.h. */
enum options_exit {
    OPTIONS_EXIT_FAILURE = 1, /* the broker could not start or stop as it should */
    OPTIONS_EXIT_USAGE = 64,  /* the command line cannot be understood */
    OPTIONS_EXIT_CONFIG = 78, /* a setting, or the file, is wrong */
};

#define OPTIONS_RUN (-1) /* options_parse(): go on and start the broker */

/* Read the command line `argv` (with the program's name and a NULL at the end), the NAME=VALUE texts of `environment`
 * (NULL at the end) and the file that is named into `config`, which is initialized in here and always the caller's to
 * release. Returns OPTIONS_RUN, or the status to exit with: 0 after --help or --version, which print on `out`; else one
 * line on `err` says what is wrong. Unknown names in the file are logged. */
int options_parse(struct config *config, char *const argv[], char *const environment[], struct file_io *files,
                  FILE *out, FILE *err) WARN_UNUSED;

#endif
