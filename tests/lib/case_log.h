/* What a test logs: of a test of very many cases it is shown only of one that fails; others look what it says. */
#ifndef DOHLE_TESTS_LIB_CASE_LOG_H
#define DOHLE_TESTS_LIB_CASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

struct case_log {
    FILE *file; /* of standard error, from the init to the release */
    int stderr_saved;
    char at[256]; /* which case is under way; empty: none */
};

void case_log_init(struct case_log *log);
/* Prints the log of the case that is under way: a check has failed in it. */
void case_log_release(struct case_log *log);
/* Forget what was logged. */
void case_log_clear(struct case_log *log);
/* A line of it contains that. */
bool case_log_has(const struct case_log *log, const char *text);

#endif
