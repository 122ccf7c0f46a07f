/* The broker's settings as they are by default, those of one topic, group or broker over them, and memory for answers.
 */
#ifndef DOHLE_TESTS_SETTINGS_FIXTURE_H
#define DOHLE_TESTS_SETTINGS_FIXTURE_H

#include "broker/topic_config.h"

struct settings_fixture {
    struct config config;
    struct topic_overrides overrides; /* none */
    struct arena arena;
    char error[CONFIG_ERROR_SIZE];
};

/* cmocka's setup and teardown; *state is the fixture. */
int settings_fixture_setup(void **state);
int settings_fixture_teardown(void **state);
#define SETTINGS_TEST(name) cmocka_unit_test_setup_teardown(name, settings_fixture_setup, settings_fixture_teardown)

#endif
