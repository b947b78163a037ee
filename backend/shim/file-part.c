/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "file-part.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* As common/format/volume-name.h has it. */
#define COMPONENT_MAX (255 - 46)

#define IMAGE ".img"
#define RECORD ".volume.xml"
#define DIGITS "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static const struct {
    const char *suffix;
    int role; /* negative: not listed */
} endings[] = {
    {"-dirty.img", RL_PART_DIRTY}, {"-precache.img", -1},  {"-import.img", -1},
    {RECORD, RL_PART_RECORD},      {IMAGE, RL_PART_CLEAN},
};

static bool
ends_with(const char *text, size_t length, const char *suffix)
{
    size_t n = strlen(suffix);

    return length >= n && memcmp(text + length - n, suffix, n) == 0;
}

static bool
is_component(const char *name, size_t length)
{
    return length > 0 && length <= COMPONENT_MAX && name[0] != '.' && !memchr(name, '@', length) &&
           !memchr(name, '~', length) && !memmem(name, length, IMAGE, strlen(IMAGE)) &&
           !ends_with(name, length, RECORD);
}

bool
rl_file_part_is_component(const char *name)
{
    return is_component(name, strlen(name));
}

static bool
is_leaf(const char *name, size_t length)
{
    return is_component(name, length) && !ends_with(name, length, "-dirty") &&
           !ends_with(name, length, "-precache") && !ends_with(name, length, "-import");
}

/* NUMBER@YYYY-MM-DDTHH:MM:SSZ */
static bool
is_number(const char *text, size_t *ret_digits)
{
    static const char shape[] = "dddd-dd-ddTdd:dd:ddZ";
    size_t digits = strspn(text, DIGITS);
    const char *when = text + digits + 1;

    if (digits == 0 || digits > 20 || text[0] == '0' || text[digits] != '@' ||
        strlen(when) != strlen(shape))
        return false;
    for (size_t i = 0; shape[i]; i++)
        if (shape[i] == 'd' ? !strchr(DIGITS, when[i]) : when[i] != shape[i])
            return false;
    *ret_digits = digits;
    return digits < 20 || strncmp(text, "18446744073709551615", digits) <= 0;
}

static bool
is_label(const char *text)
{
    return *text && strspn(text, LETTERS DIGITS) > 0 &&
           text[strspn(text, LETTERS DIGITS "._:+-")] == '\0' &&
           text[strspn(text, DIGITS)] != '\0' && strcmp(text, "current") != 0;
}

/* LEAF.img.3@TIME or LEAF.img@LABEL */
static bool
parse_revision(const char *behind, RlFilePart *part)
{
    size_t digits;

    part->role = RL_PART_REVISION;
    part->revision = behind + 1;
    if (*behind == '@') {
        part->revision_length = (int) strlen(part->revision);
        return is_label(part->revision);
    }
    if (*behind != '.' || !is_number(part->revision, &digits))
        return false;
    part->revision_length = (int) digits;
    return true;
}

bool
rl_file_part(const char *file, RlFilePart *ret_part)
{
    const char *image = strstr(file, IMAGE);
    size_t length = strlen(file);

    *ret_part = (RlFilePart){.revision = "", .role = -1};
    if (image && image[strlen(IMAGE)]) {
        ret_part->leaf_length = (int) (image - file);
        return parse_revision(image + strlen(IMAGE), ret_part) &&
               is_leaf(file, (size_t) (image - file));
    }
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        if (!ends_with(file, length, endings[i].suffix))
            continue;
        ret_part->role = endings[i].role;
        ret_part->leaf_length = (int) (length - strlen(endings[i].suffix));
        return ret_part->role >= 0 && is_leaf(file, (size_t) ret_part->leaf_length);
    }
    return false;
}
