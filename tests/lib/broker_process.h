/* The broker of a runner: started, stopped and started again at the same address, on the same folder. Either a child of
 * ours, or one that a launcher's command looks after (Apache Kafka). */
#ifndef DOHLE_TESTS_LIB_BROKER_PROCESS_H
#define DOHLE_TESTS_LIB_BROKER_PROCESS_H

#include "player.h"

#include <sys/types.h>

struct broker_process {
    struct player_process process;
    const char *command;
    char *address;     /* HOST:PORT, from malloc; of a child */
    char *folder;      /* of a child: temporary, $FOLDER in its command */
    char *data_folder; /* process.data_folder */
    pid_t pid;         /* of a child that runs; 0: none */
    const char *clock; /* library in front of the child's, whose clocks are ours (tests/crash/clock.c); NULL: none */
    char *clock_file;  /* what it is told by */
};

/* Run `command` as a child: it prints "... ready on HOST:PORT", serves on $PORT (0: any) and keeps its data in
 * $FOLDER/data, if at all; settings of a start are in $OVERRIDES, as "--override NAME=VALUE ...". SIGTERM stops it.
 * `clock`: the library that lets us set its clocks, as process.ahead_ms; NULL: they are its own. False: *error says
 * why. */
bool broker_process_start_child(struct broker_process *broker, const char *command, const char *clock,
                                const char **error);
/* The broker runs already: `command` with the word start, stop or kill behind it does that, and its data is in
 * `data_folder`. Behind "start" stand its settings, NAME=VALUE. */
void broker_process_use_launcher(struct broker_process *broker, const char *command, const char *data_folder);
/* Stop a child and remove its folder; a launcher's broker goes on. False: it did not end well. */
bool broker_process_end(struct broker_process *broker);

#endif
