/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-name.h"

#include <string.h>

#include "common/base/random.h"
#include "volume-name.h"

/* Ours have six random characters, Qubes' eight. */
#define TEMP_RANDOM 6
#define PEER_TEMP_RANDOM 8

static const struct {
    const char *suffix;
    RlFileRole role;
} suffixes[] = {
    /* The clean image's comes last: it is the end of all the others. */
    {"-dirty.img", RL_FILE_DIRTY},   {"-precache.img", RL_FILE_PRECACHE},
    {"-import.img", RL_FILE_IMPORT}, {".volume.xml", RL_FILE_RECORD},
    {".img", RL_FILE_CLEAN},
};

/* NUMBER@YYYY-MM-DDTHH:MM:SSZ. The time is the image's own mtime: what stands here is for people,
 * so its shape is checked and its value is not. */
static bool
parse_revision(const char *text, uint64_t *ret_number)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    size_t digits = strspn(text, "0123456789");
    const char *when = text + digits + 1;

    if (digits == 0 || text[0] == '0' || text[digits] != '@' || strlen(when) != strlen(shape))
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? !g_ascii_isdigit(when[i]) : when[i] != shape[i])
            return false;

    g_autofree char *number = g_strndup(text, digits);
    return g_ascii_string_to_unsigned(number, 10, 1, UINT64_MAX, ret_number, NULL);
}

static bool
take_leaf(RlFileName *parsed, const char *name, size_t length)
{
    if (length == 0 || length > RL_NAME_COMPONENT_MAX)
        return false;
    memcpy(parsed->leaf, name, length);
    parsed->leaf[length] = '\0';
    return rl_name_check_leaf(parsed->leaf, NULL);
}

/* The roles that are a plain ending of the name. */
static bool
parse_suffixed(RlFileName *parsed, const char *name, size_t length)
{
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++) {
        size_t n = strlen(suffixes[i].suffix);
        if (length <= n || memcmp(name + length - n, suffixes[i].suffix, n) != 0)
            continue;
        parsed->role = suffixes[i].role;
        return take_leaf(parsed, name, length - n);
    }
    return false;
}

static bool
parse_permanent(RlFileName *parsed, const char *name)
{
    /* No leaf contains ".img", so the first one ends it. */
    const char *image = strstr(name, ".img");

    if (image && image[4] == '.') {
        parsed->role = RL_FILE_REVISION;
        return parse_revision(image + 5, &parsed->number) &&
               take_leaf(parsed, name, (size_t) (image - name));
    }
    if (image && image[4] == '@') {
        parsed->role = RL_FILE_LABEL;
        parsed->label = image + 5;
        /* A label of digits alone would be listed as an automatic revision's name. */
        return take_leaf(parsed, name, (size_t) (image - name)) &&
               strspn(parsed->label, "0123456789") != strlen(parsed->label) &&
               strcmp(parsed->label, "current") != 0 &&
               rl_name_check_label(parsed->leaf, parsed->label, NULL);
    }
    return parse_suffixed(parsed, name, strlen(name));
}

/* Qubes' driver has Python's tempfile make eight of these. A word or a date of eight is more likely
 * somebody's backup than chance. */
static bool
is_peer_random(const char *text)
{
    return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_") == PEER_TEMP_RANDOM &&
           !text[PEER_TEMP_RANDOM] && strpbrk(text, "abcdefghijklmnopqrstuvwxyz") &&
           strpbrk(text, "0123456789");
}

/* Temporary files are removed unasked, so a backup that an administrator made ("private.img~",
 * "private.img~before", "private.img~261129", "private.img~decade", "private.img~24dec6") must not
 * pass for one: no word and no date has letters and digits among six hex digits, but with the name
 * of a month. */
static bool
is_our_random(const char *text)
{
    return strspn(text, "0123456789abcdef") == TEMP_RANDOM && !text[TEMP_RANDOM] &&
           strpbrk(text, "abcdef") && strpbrk(text, "0123456789") && !strstr(text, "dec") &&
           !strstr(text, "feb");
}

static bool
parse_temp(RlFileName *parsed, const char *name, const char *tilde)
{
    g_autofree char *final = g_strndup(name, (gsize) (tilde - name));
    bool ours = is_our_random(tilde + 1);

    if ((!ours && !is_peer_random(tilde + 1)) || !parse_permanent(parsed, final))
        return false;
    parsed->role = ours ? RL_FILE_TEMP : RL_FILE_PEER_TEMP;
    parsed->label = NULL;
    return true;
}

RlFileName
rl_file_name_parse(const char *name)
{
    RlFileName parsed = {0};
    const char *tilde = strchr(name, '~');

    if (tilde ? parse_temp(&parsed, name, tilde) : parse_permanent(&parsed, name))
        return parsed;
    return (RlFileName){.role = RL_FILE_OTHER};
}

char *
rl_file_name(const char *leaf, RlFileRole role)
{
    for (size_t i = 0; i < G_N_ELEMENTS(suffixes); i++)
        if (suffixes[i].role == role)
            return g_strconcat(leaf, suffixes[i].suffix, NULL);
    g_assert_not_reached();
}

char *
rl_file_name_revision(const char *leaf, uint64_t number, time_t when)
{
    struct tm utc;
    char stamp[32];

    /* A time stamp outside of four-digit years (a hostile or broken mtime) must not change the
     * shape. */
    when = CLAMP(when, (time_t) 0, (time_t) 253402300799);
    gmtime_r(&when, &utc);
    strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return g_strdup_printf("%s.img.%" G_GUINT64_FORMAT "@%s", leaf, number, stamp);
}

char *
rl_file_name_label(const char *leaf, const char *label)
{
    return g_strconcat(leaf, ".img@", label, NULL);
}

char *
rl_file_name_temp(const char *leaf)
{
    g_autofree char *random = rl_random_temp();

    return g_strdup_printf("%s.img~%s", leaf, random);
}
