/* Values of settings, in broker/config_value.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "broker/config_value.h"

struct row {
    enum config_type type;
    const char *allowed, *text;
    const char *canonical; /* NULL: refused */
};

/* Texts and what Apache Kafka 4.4.0 makes of them, unless a comment says otherwise. */
static const struct row rows[] = {
    {CONFIG_BOOLEAN,  NULL,                              "true",                   "true"                  },
    {CONFIG_BOOLEAN,  NULL,                              " TRUE ",                 "true"                  },
    {CONFIG_BOOLEAN,  NULL,                              "False",                  "false"                 },
    {CONFIG_BOOLEAN,  NULL,                              "yes",                    NULL                    },
    {CONFIG_BOOLEAN,  NULL,                              "",                       NULL                    },
    {CONFIG_INT,      NULL,                              "42",                     "42"                    },
    {CONFIG_INT,      NULL,                              "+5 ",                    "5"                     },
    {CONFIG_INT,      NULL,                              "-0",                     "0"                     },
    {CONFIG_INT,      NULL,                              "030",                    "30"                    },
    {CONFIG_INT,      NULL,                              "2147483647",             "2147483647"            },
    {CONFIG_INT,      NULL,                              "2147483648",             NULL                    },
    {CONFIG_INT,      NULL,                              "-2147483648",            "-2147483648"           },
    {CONFIG_INT,      NULL,                              "-2147483649",            NULL                    },
    {CONFIG_INT,      NULL,                              "",                       NULL                    },
    {CONFIG_INT,      NULL,                              "-",                      NULL                    },
    {CONFIG_INT,      NULL,                              "1_000",                  NULL                    },
    {CONFIG_INT,      NULL,                              "0x10",                   NULL                    },
    {CONFIG_INT,      NULL,                              "1 2",                    NULL                    },
    {CONFIG_SHORT,    NULL,                              "32767",                  "32767"                 },
    {CONFIG_SHORT,    NULL,                              "32768",                  NULL                    },
    {CONFIG_LONG,     NULL,                              "9223372036854775807",    "9223372036854775807"   },
    {CONFIG_LONG,     NULL,                              "9223372036854775808",    NULL                    },
    {CONFIG_LONG,     NULL,                              "-9223372036854775808",   "-9223372036854775808"  },
    {CONFIG_LONG,     ">= 1",                            "9223372036854775807",    "9223372036854775807"   },
    {CONFIG_INT,      ">= 1",                            "1",                      "1"                     },
    {CONFIG_INT,      ">= 1",                            "0",                      NULL                    },
    {CONFIG_LONG,     ">= -1",                           "-1",                     "-1"                    },
    {CONFIG_LONG,     ">= -1",                           "-2",                     NULL                    },
    {CONFIG_INT,      "1 to 17",                         "17",                     "17"                    },
    {CONFIG_INT,      "1 to 17",                         "18",                     NULL                    },
    {CONFIG_INT,      "-131072 to 22",                   "-131072",                "-131072"               },
    {CONFIG_INT,      "-131072 to 22",                   "-131073",                NULL                    },
    {CONFIG_INT,      "-1 or 1 to 9",                    "-1",                     "-1"                    },
    {CONFIG_INT,      "-1 or 1 to 9",                    "0",                      NULL                    },
    {CONFIG_INT,      "-1 or 1 to 9",                    "9",                      "9"                     },
    {CONFIG_INT,      "1 to 2147483639",                 "2147483639",             "2147483639"            },
    {CONFIG_INT,      "1 to 2147483639",                 "2147483640",             NULL                    },
    {CONFIG_DOUBLE,   "0 to 1",                          "0.5",                    "0.5"                   },
    {CONFIG_DOUBLE,   "0 to 1",                          "1",                      "1.0"                   },
    {CONFIG_DOUBLE,   "0 to 1",                          "1e-1",                   "0.1"                   },
    {CONFIG_DOUBLE,   "0 to 1",                          "1.01",                   NULL                    },
    {CONFIG_DOUBLE,   "0 to 0.5",                        "0.51",                   NULL                    },
    {CONFIG_DOUBLE,   NULL,                              "1.7976931348623157E308", "1.7976931348623157E308"},
    {CONFIG_DOUBLE,   NULL,                              "1e309",                  NULL                    },
    {CONFIG_DOUBLE,   NULL,                              "NaN",                    NULL                    }, /* Kafka takes it, and then no comparison is true */
    {CONFIG_DOUBLE,   NULL,                              "0x1p3",                  NULL                    },
    {CONFIG_DOUBLE,   NULL,                              "",                       NULL                    },
    {CONFIG_STRING,   NULL,                              "  a b  ",                "a b"                   },
    {CONFIG_STRING,   NULL,                              "",                       ""                      },
    {CONFIG_STRING,   "not empty",                       "",                       NULL                    },
    {CONFIG_STRING,   "[uncompressed, zstd, lz4]",       "zstd",                   "zstd"                  },
    {CONFIG_STRING,   "[uncompressed, zstd, lz4]",       "ZSTD",                   NULL                    },
    {CONFIG_STRING,   "[uncompressed, zstd, lz4]",       "zst",                    NULL                    },
    {CONFIG_STRING,   "[uncompressed, zstd, lz4]",       "",                       NULL                    },
    {CONFIG_STRING,   "[DISABLED, UPGRADE] in any case", "upgrade",                "upgrade"               },
    {CONFIG_LIST,     NULL,                              "",                       ""                      },
    {CONFIG_LIST,     NULL,                              " a , b,c ",              "a,b,c"                 },
    {CONFIG_LIST,     NULL,                              "a,,b",                   NULL                    },
    {CONFIG_LIST,     NULL,                              "a,",                     NULL                    },
    {CONFIG_LIST,     NULL,                              ",",                      NULL                    },
    {CONFIG_LIST,     "[compact, delete]",               " compact , delete ",     "compact,delete"        },
    {CONFIG_LIST,     "[compact, delete]",               "",                       ""                      },
    {CONFIG_LIST,     "[compact, delete]",               "compact,none",           NULL                    },
    {CONFIG_LIST,     "not empty",                       "",                       NULL                    },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "*",                      "*"                     },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "",                       ""                      },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "0:1, 1:1",               "0:1,1:1"               },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "1:2,3:x",                NULL                    },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "none",                   NULL                    },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "1:2:3",                  NULL                    },
    {CONFIG_LIST,     "* or PARTITION:BROKER,...",       "1:",                     NULL                    },
    {CONFIG_PASSWORD, NULL,                              "secret",                 "secret"                },
    {CONFIG_CLASS,    NULL,                              "org.example.Policy",     "org.example.Policy"    },
};

static void texts_become_canonical_or_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct config_value value;
        char error[CONFIG_ERROR_SIZE] = "";
        bool ok = config_value_parse(rows[i].type, rows[i].allowed, rows[i].text, &value, error);
        if (ok != (rows[i].canonical != NULL) || (ok && strcmp(value.text, rows[i].canonical) != 0)) {
            fail_msg("%s \"%s\" allowed %s: %s", config_type_name(rows[i].type), rows[i].text,
                     rows[i].allowed ? rows[i].allowed : "all", ok ? value.text : error);
        }
        free(value.text);
    }
}

static void errors_name_what_is_allowed(void **state)
{
    (void)state;
    static const struct {
        struct row row;
        const char *error;
    } cases[] = {
        {{CONFIG_INT, ">= 1", "0", NULL},        "must be an int, >= 1"                         },
        {{CONFIG_LONG, NULL, "x", NULL},         "must be a long"                               },
        {{CONFIG_BOOLEAN, NULL, "x", NULL},      "must be true or false"                        },
        {{CONFIG_STRING, "[a, b]", "x", NULL},   "must be one of [a, b]"                        },
        {{CONFIG_LIST, "[a, b]", "x", NULL},     "must be a list without empty items, of [a, b]"},
        {{CONFIG_STRING, "not empty", "", NULL}, "must be a string, not empty"                  },
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct config_value value;
        char error[CONFIG_ERROR_SIZE];
        assert_false(config_value_parse(cases[i].row.type, cases[i].row.allowed, cases[i].row.text, &value, error));
        assert_null(value.text);
        assert_string_equal(error, cases[i].error);
    }
}

static void doubles_read_as_java_prints_them(void **state)
{
    (void)state;
    static const struct {
        double number;
        const char *text;
    } cases[] = {
        {0,       "0.0"               },
        {1,       "1.0"               },
        {0.1,     "0.1"               },
        {0.5,     "0.5"               },
        {100,     "100.0"             },
        {-2.25,   "-2.25"             },
        {1e6,     "1000000.0"         },
        {1e7,     "1.0E7"             },
        {0.001,   "0.001"             },
        {0.0001,  "1.0E-4"            },
        {1.5e10,  "1.5E10"            },
        {1.0 / 3, "0.3333333333333333"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        char text[CONFIG_DOUBLE_SIZE];
        config_double_text(cases[i].number, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void lists_are_stepped_through_and_searched_by_whole_items(void **state)
{
    (void)state;
    const char *rest = "one,two,three";
    const char *item;
    size_t size;
    int count = 0;
    while (config_list_next(&rest, &item, &size)) {
        count++;
    }
    assert_int_equal(count, 3);
    assert_true(config_list_has("one,two", "two", 3));
    assert_false(config_list_has("one,two", "tw", 2));
    assert_false(config_list_has("", "", 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_canonical_or_are_refused),
        cmocka_unit_test(errors_name_what_is_allowed),
        cmocka_unit_test(doubles_read_as_java_prints_them),
        cmocka_unit_test(lists_are_stepped_through_and_searched_by_whole_items),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
