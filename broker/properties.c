/* Java's .properties files, by the rules of java.util.Properties.load().
 *
 *     # comment             ! comment           blank lines are passed over
 *     key=value             key: value          key value           key
 *     long = one \
 *            line           a backslash at the end of the line goes on; white space at the next line's begin goes
 *     \u00e9\t\=\:\\        escapes, in keys and values
 *
 * First the lines that belong together are joined, escapes left as they are; then key and value are split at the first
 * '=',
 * ':' or white space that is not escaped, and the escapes are undone. One difference: bytes above 127 stay what they
 * are, so UTF-8 files mean what they show (Java takes them for Latin-1). A zero byte, also as \u0000, is an error. */
#include "properties.h"

#include <stdint.h>
#include <string.h>

struct parser {
    const char *at, *end;
    int line;      /* of *at */
    char *logical; /* the joined line, of the file's size: it never outgrows it */
    size_t logical_size;
    int logical_line; /* where it began */
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\f';
}

static bool is_line_end(char c)
{
    return c == '\n' || c == '\r';
}

static void skip_line_end(struct parser *parser)
{
    if (parser->at < parser->end) {
        bool pair = parser->end - parser->at >= 2 && parser->at[0] == '\r' && parser->at[1] == '\n';
        parser->at += pair ? 2 : 1;
        parser->line++;
    }
}

static void skip_spaces(struct parser *parser)
{
    while (parser->at < parser->end && is_space(*parser->at)) {
        parser->at++;
    }
}

/* Move to the first character of the next property. */
static bool next_property(struct parser *parser)
{
    while (parser->at < parser->end) {
        skip_spaces(parser);
        if (parser->at == parser->end) {
            return false;
        }
        if (!is_line_end(*parser->at) && *parser->at != '#' && *parser->at != '!') {
            return true;
        }
        while (parser->at < parser->end && !is_line_end(*parser->at)) {
            parser->at++;
        }
        skip_line_end(parser);
    }
    return false;
}

/* Join the lines of one property. */
static void join_lines(struct parser *parser)
{
    parser->logical_size = 0;
    parser->logical_line = parser->line;
    bool escaped = false;
    while (parser->at < parser->end) {
        char c = *parser->at;
        if (is_line_end(c)) {
            skip_line_end(parser);
            if (!escaped) {
                break;
            }
            parser->logical_size--; /* the backslash */
            escaped = false;
            skip_spaces(parser);
            continue;
        }
        parser->logical[parser->logical_size++] = c;
        escaped = c == '\\' && !escaped;
        parser->at++;
    }
    if (escaped) {
        parser->logical_size--; /* a backslash at the end of the file joins nothing */
    }
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* The four digits behind a "\u"; -1 when they are not there. */
static int32_t parse_unit(const char *from, const char *end)
{
    if (end - from < 4) {
        return -1;
    }
    int32_t unit = 0;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(from[i]);
        if (digit < 0) {
            return -1;
        }
        unit = unit * 16 + digit;
    }
    return unit;
}

static char *write_utf8(char *to, int32_t code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Undo the escapes of from..end in place and end the text. An escape is never shorter than what it stands for. */
static bool unescape(char *from, const char *end)
{
    char *to = from;
    const char *at = from;
    while (at < end) {
        char c = *at++;
        if (c == '\\' && at < end) {
            c = *at++;
            if (c == 'u') {
                int32_t code = parse_unit(at, end);
                if (code <= 0) {
                    return false;
                }
                at += 4;
                if (code >= 0xd800 && code < 0xdc00 && end - at >= 6 && at[0] == '\\' && at[1] == 'u') {
                    int32_t low = parse_unit(at + 2, end);
                    if (low >= 0xdc00 && low < 0xe000) {
                        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                        at += 6;
                    }
                }
                if (code >= 0xd800 && code < 0xe000) {
                    return false; /* half of a pair is no character */
                }
                to = write_utf8(to, code);
                continue;
            }
            c = c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : c;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

/* Split the joined line; *value points into it. */
static bool split(struct parser *parser, char **value)
{
    char *line = parser->logical;
    const char *end = line + parser->logical_size;
    char *at = line;
    for (bool escaped = false; at < end && (escaped || (!is_space(*at) && *at != '=' && *at != ':')); at++) {
        escaped = *at == '\\' && !escaped;
    }
    const char *key_end = at;
    while (at < end && is_space(*at)) {
        at++;
    }
    if (at < end && (*at == '=' || *at == ':')) {
        at++;
        while (at < end && is_space(*at)) {
            at++;
        }
    }
    *value = at;
    parser->logical[parser->logical_size] = '\0';
    return unescape(at, end) &&
           unescape(line, key_end); /* in this order: without a separator they share the last byte */
}

bool properties_parse(const char *text, size_t size, properties_cb each, void *context, int *line,
                      char error[PROPERTIES_ERROR_SIZE])
{
    struct parser parser = {.at = text, .end = text + size, .line = 1, .logical = xmalloc(size + 1)};
    bool ok = true;
    *error = '\0';
    *line = 0;
    if (memchr(text, '\0', size) != NULL) {
        snprintf(error, PROPERTIES_ERROR_SIZE, "there is a zero byte, so this is no text file");
        ok = false;
    }
    while (ok && next_property(&parser)) {
        join_lines(&parser);
        *line = parser.logical_line;
        char *value;
        if (!split(&parser, &value)) {
            snprintf(error, PROPERTIES_ERROR_SIZE,
                     "\\u must be followed by four hexadecimal digits of a character other than 0000");
            ok = false;
        } else {
            ok = each(context, parser.logical, value, parser.logical_line);
        }
    }
    free(parser.logical);
    return ok;
}
