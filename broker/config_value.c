/* Values of settings. See config_value.h for the language of what is allowed. */
#include "config_value.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>
#include <strings.h>

const char *config_type_name(enum config_type type)
{
    static const char *const names[] = {
        [CONFIG_BOOLEAN] = "boolean", [CONFIG_STRING] = "string", [CONFIG_INT] = "int",
        [CONFIG_SHORT] = "short",     [CONFIG_LONG] = "long",     [CONFIG_DOUBLE] = "double",
        [CONFIG_LIST] = "list",       [CONFIG_CLASS] = "class",   [CONFIG_PASSWORD] = "password",
    };
    return names[type];
}

/* ---- lists ------------------------------------------------------------------------------------------------------- */

bool config_list_next(const char **rest, const char **item, size_t *size)
{
    if (**rest == '\0') {
        return false;
    }
    *item = *rest;
    *size = strcspn(*rest, ",");
    *rest += *size;
    *rest += **rest == ',' ? 1 : 0;
    return true;
}

bool config_host_count_next(const char **rest, struct config_host_count *item)
{
    const char *text;
    size_t size;
    if (!config_list_next(rest, &text, &size)) {
        return false;
    }
    const char *colon = memrchr(text, ':', size);
    if (colon == NULL) {
        *item = (struct config_host_count){
            {NULL, -1           },
            {text, (int32_t)size}
        };
        return true;
    }
    const char *begin = text, *end = colon;
    while (begin < end && isspace((unsigned char)*begin)) {
        begin++;
    }
    while (begin < end && isspace((unsigned char)end[-1])) {
        end--;
    }
    *item = (struct config_host_count){
        {begin,     (int32_t)(end - begin)              },
        {colon + 1, (int32_t)(text + size - (colon + 1))}
    };
    return true;
}

bool config_list_has(const char *list, const char *item, size_t size)
{
    const char *rest = list;
    const char *known;
    size_t known_size;
    while (config_list_next(&rest, &known, &known_size)) {
        if (known_size == size && memcmp(known, item, size) == 0) {
            return true;
        }
    }
    return false;
}

/* Is `item` among the items of the list from `list` to `end`? */
static bool is_repeated(const char *list, const char *end, const char *item, size_t size)
{
    while (list < end) {
        const char *comma = memchr(list, ',', (size_t)(end - list));
        const char *item_end = comma != NULL ? comma : end;
        if ((size_t)(item_end - list) == size && memcmp(list, item, size) == 0) {
            return true;
        }
        list = item_end + 1;
    }
    return false;
}

/* Takes the spaces around the commas away, and items that were there before. False when an item is empty (KIP-1161); no
 * items at all are fine. */
static bool canonical_list(char *text)
{
    char *to = text;
    const char *from = text;
    bool more = *text != '\0';
    while (more) {
        const char *item = from + strspn(from, " \t\r\n\f");
        size_t size = strcspn(item, ",");
        more = item[size] == ',';
        from = item + size + (more ? 1 : 0);
        while (size > 0 && isspace((unsigned char)item[size - 1])) {
            size--;
        }
        if (size == 0) {
            return false;
        }
        if (is_repeated(text, to, item, size)) {
            continue;
        }
        if (to > text) {
            *to++ = ',';
        }
        memmove(to, item, size);
        to += size;
    }
    *to = '\0';
    return true;
}

/* ---- choices ----------------------------------------------------------------------------------------------------- */

/* Does "[a, b, c]" name `item`? */
static bool choice_allows(const char *allowed, const char *item, size_t size)
{
    bool any_case = strstr(allowed, "] in any case") != NULL;
    for (const char *at = allowed + 1; *at != '\0' && *at != ']';) {
        size_t choice_size = strcspn(at, ",]");
        if (choice_size == size && (any_case ? strncasecmp(at, item, size) == 0 : strncmp(at, item, size) == 0)) {
            return true;
        }
        at += choice_size;
        at += strspn(at, ", ");
    }
    return false;
}

/* "*", nothing, or items of two decimal numbers with a colon between them. */
static bool throttled_replicas_allowed(const char *list)
{
    if (strcmp(list, "*") == 0) {
        return true;
    }
    const char *item;
    size_t size;
    while (config_list_next(&list, &item, &size)) {
        size_t partition_digits = strspn(item, "0123456789");
        if (partition_digits == 0 || item[partition_digits] != ':') {
            return false;
        }
        size_t broker_digits = strspn(item + partition_digits + 1, "0123456789");
        if (broker_digits == 0 || partition_digits + 1 + broker_digits != size) {
            return false;
        }
    }
    return true;
}

/* An int with nothing but spaces around it. */
static bool is_int(const char *text, size_t size)
{
    char copy[32];
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    if (size >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, size);
    copy[size] = '\0';
    if (!config_value_parse(CONFIG_INT, NULL, copy, &value, error)) {
        return false;
    }
    free(value.text);
    return true;
}

/* Nothing, or items of a host and a number with the last colon between them, and spaces around either. */
static bool counts_of_hosts_allowed(const char *list)
{
    struct config_host_count item;
    while (config_host_count_next(&list, &item)) {
        if (item.host.size < 0 || !is_int(item.count.data, (size_t)item.count.size)) {
            return false;
        }
        for (int32_t i = 0; i < item.host.size; i++) {
            char letter = item.host.data[i];
            if (!isalnum((unsigned char)letter) && strchr("-%._:", letter) == NULL) {
                return false;
            }
        }
    }
    return true;
}

static bool text_allowed(enum config_type type, const char *allowed, const char *text)
{
    if (allowed == NULL) {
        return true;
    }
    if (strcmp(allowed, "not empty") == 0) {
        return *text != '\0';
    }
    if (*allowed == '*') {
        return throttled_replicas_allowed(text);
    }
    if (*allowed == 'H') {
        return counts_of_hosts_allowed(text);
    }
    if (type != CONFIG_LIST) {
        return choice_allows(allowed, text, strlen(text));
    }
    if (*text == '\0') {
        return strstr(allowed, "], not empty") == NULL;
    }
    const char *item;
    size_t size;
    while (config_list_next(&text, &item, &size)) {
        if (!choice_allows(allowed, item, size)) {
            return false;
        }
    }
    return true;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

/* `number` against ">= N", "N to M" or "-1 or N to M". long double holds every int64_t and every double exactly enough.
 */
static bool number_allowed(const char *allowed, long double number)
{
    if (allowed == NULL) {
        return true;
    }
    if (strncmp(allowed, ">= ", 3) == 0) {
        return number >= strtold(allowed + 3, NULL);
    }
    const char *alternative = strstr(allowed, " or ");
    if (alternative != NULL) {
        if (number == strtold(allowed, NULL)) {
            return true;
        }
        allowed = alternative + 4;
    }
    char *separator;
    long double least = strtold(allowed, &separator);
    ASSERT(strncmp(separator, " to ", 4) == 0);
    return number >= least && number <= strtold(separator + 4, NULL);
}

/* As Java's Long.parseLong(): an optional sign and decimal digits, nothing else. */
static bool parse_integer(const char *text, int64_t least, int64_t most, int64_t *number)
{
    const char *digits = text + (*text == '-' || *text == '+' ? 1 : 0);
    if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0') {
        return false;
    }
    errno = 0;
    long long parsed = strtoll(text, NULL, 10);
    if (errno != 0 || parsed < least || parsed > most) {
        return false;
    }
    *number = parsed;
    return true;
}

static bool parse_double(const char *text, double *number)
{
    if (*text == '\0' || text[strspn(text, "+-.0123456789eE")] != '\0') {
        return false;
    }
    char *end;
    *number = strtod(text, &end);
    return *end == '\0' && isfinite(*number);
}

void config_double_text(double number, char text[CONFIG_DOUBLE_SIZE])
{
    /* The fewest digits that read back as the same number. */
    char digits[CONFIG_DOUBLE_SIZE / 2];
    int precision = 1;
    do {
        snprintf(digits, sizeof digits, "%.*e", precision - 1, number);
    } while (strtod(digits, NULL) != number && ++precision <= DBL_DECIMAL_DIG);

    double magnitude = fabs(number);
    if (number == 0 || (magnitude >= 1e-3 && magnitude < 1e7)) {
        int exponent = atoi(strchr(digits, 'e') + 1);
        int decimals = precision - 1 - exponent;
        snprintf(text, CONFIG_DOUBLE_SIZE, "%.*f", decimals > 1 ? decimals : 1, number);
        return;
    }
    char *mark = strchr(digits, 'e');
    int exponent = atoi(mark + 1);
    *mark = '\0';
    snprintf(text, CONFIG_DOUBLE_SIZE, "%s%sE%d", digits, strchr(digits, '.') == NULL ? ".0" : "", exponent);
}

/* ---- all types --------------------------------------------------------------------------------------------------- */

static char *trimmed_copy(const char *text)
{
    while (isspace((unsigned char)*text)) {
        text++;
    }
    size_t size = strlen(text);
    while (size > 0 && isspace((unsigned char)text[size - 1])) {
        size--;
    }
    char *copy = xmalloc(size + 1);
    memcpy(copy, text, size);
    copy[size] = '\0';
    return copy;
}

static char *number_text(const struct config_value *value, enum config_type type)
{
    char text[CONFIG_DOUBLE_SIZE];
    if (type == CONFIG_DOUBLE) {
        config_double_text(value->real, text);
    } else {
        snprintf(text, sizeof text, "%" PRId64, value->integer);
    }
    return xstrdup(text);
}

/* Reads value->text, which is trimmed, and makes it canonical. */
static bool parse_typed(enum config_type type, const char *allowed, struct config_value *value)
{
    static const struct {
        int64_t least, most;
    } ranges[] = {
        [CONFIG_SHORT] = {INT16_MIN, INT16_MAX},
        [CONFIG_INT] = {INT32_MIN, INT32_MAX},
        [CONFIG_LONG] = {INT64_MIN, INT64_MAX},
    };
    char *text = value->text;
    switch (type) {
    case CONFIG_BOOLEAN:
        value->integer = strcasecmp(text, "true") == 0;
        if (value->integer == 0 && strcasecmp(text, "false") != 0) {
            return false;
        }
        value->text = xstrdup(value->integer != 0 ? "true" : "false");
        free(text);
        return true;
    case CONFIG_SHORT:
    case CONFIG_INT:
    case CONFIG_LONG:
        if (!parse_integer(text, ranges[type].least, ranges[type].most, &value->integer) ||
            !number_allowed(allowed, (long double)value->integer)) {
            return false;
        }
        value->text = number_text(value, type);
        free(text);
        return true;
    case CONFIG_DOUBLE:
        if (!parse_double(text, &value->real) || !number_allowed(allowed, (long double)value->real)) {
            return false;
        }
        value->text = number_text(value, type);
        free(text);
        return true;
    case CONFIG_LIST:
        return canonical_list(text) && text_allowed(type, allowed, text);
    case CONFIG_CLASS:
        return *text != '\0' && text_allowed(type, allowed, text);
    case CONFIG_STRING:
    case CONFIG_PASSWORD:
        return text_allowed(type, allowed, text);
    }
    return false;
}

bool config_value_parse(enum config_type type, const char *allowed, const char *text, struct config_value *value,
                        char *error)
{
    *value = (struct config_value){.text = trimmed_copy(text)};
    if (parse_typed(type, allowed, value)) {
        return true;
    }
    free(value->text);
    value->text = NULL;
    const char *kind = type == CONFIG_BOOLEAN ? "true or false"
                       : type == CONFIG_LIST  ? "list without empty items"
                                              : config_type_name(type);
    const char *article = type == CONFIG_BOOLEAN ? "" : type == CONFIG_INT ? "an " : "a ";
    const char *join = allowed == NULL ? "" : type == CONFIG_LIST && *allowed == '[' ? ", of " : ", ";
    if (type == CONFIG_STRING && allowed != NULL && *allowed == '[') {
        snprintf(error, CONFIG_ERROR_SIZE, "must be one of %s", allowed);
    } else {
        snprintf(error, CONFIG_ERROR_SIZE, "must be %s%s%s%s", article, kind, join, allowed == NULL ? "" : allowed);
    }
    return false;
}

static int count_items(const char *list)
{
    int count = 0;
    const char *item;
    size_t size;
    while (config_list_next(&list, &item, &size)) {
        count++;
    }
    return count;
}

bool config_list_repeats(const char *text)
{
    struct config_value value;
    char error[CONFIG_ERROR_SIZE];
    if (!config_value_parse(CONFIG_LIST, NULL, text, &value, error)) {
        return false;
    }
    bool repeats = count_items(value.text) < count_items(text);
    free(value.text);
    return repeats;
}

char *config_list_change(const char *list, const char *change, bool append)
{
    size_t capacity = strlen(list) + strlen(change) + 2;
    char *result = xcalloc(capacity, 1);
    size_t used = 0;
    const char *parts[] = {list, append ? change : ""};
    for (int i = 0; i < 2; i++) {
        const char *rest = parts[i];
        const char *item;
        size_t size;
        while (config_list_next(&rest, &item, &size)) {
            bool drop = append ? i == 1 && config_list_has(result, item, size) : config_list_has(change, item, size);
            if (!drop) {
                used +=
                    (size_t)snprintf(result + used, capacity - used, "%s%.*s", used > 0 ? "," : "", (int)size, item);
            }
        }
    }
    return result;
}
