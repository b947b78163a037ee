/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "domain-text.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* As common/pool/pool.h and common/fs/xattr.h have them; the unit test compares. */
#define MARKER ".reflink-pool.xml"
#define ATTRIBUTES "trusted.libvirt-reflink."
#define DIRTY "-dirty."

/* Above all that the hook program reads (xml/domain.h). */
#define TEXT_MAX (64 << 20)
/* What XML has between the words of a tag. */
#define SPACE " \t\r\n"

char *
rl_domain_text_read(void)
{
    size_t size = 1 << 16, length = 0;
    char *text = malloc(size);

    while (text && size <= TEXT_MAX) {
        ssize_t n = read(STDIN_FILENO, text + length, size - length - 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            break;
        length += (size_t) n;
        text[length] = '\0';
        if (n == 0 && strlen(text) == length)
            return text;
        if (n == 0)
            break;
        if (length + 1 < size)
            continue;
        size *= 2;
        char *larger = realloc(text, size);
        if (!larger)
            break;
        text = larger;
    }
    free(text);
    return NULL;
}

/* Is it one XML document of a domain, from the first character to the last? */
static bool
is_whole(const char *text)
{
    static const char first[] = "<domain", last[] = "</domain>";
    const char *begin = text + strspn(text, SPACE), *end = text + strlen(text);
    const char *root = strstr(begin, first);

    while (end > begin && strchr(SPACE, end[-1]))
        end--;
    return *begin == '<' && root && strchr(SPACE ">", root[sizeof(first) - 1]) &&
           end - begin > (ptrdiff_t) sizeof(last) &&
           strncmp(end - (sizeof(last) - 1), last, sizeof(last) - 1) == 0;
}

/* Is there the marker of a pool in a directory above @path, or can that not be told? */
static bool
is_below_marker(const char *path)
{
    char marker[PATH_MAX + sizeof("/" MARKER)];
    struct stat st;

    for (const char *slash = strrchr(path, '/'); slash;
         slash = memrchr(path, '/', (size_t) (slash - path))) {
        snprintf(marker, sizeof(marker), "%.*s/%s", (int) (slash - path), path, MARKER);
        if (lstat(marker, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
            return true;
    }
    return false;
}

/* Has the file @path an attribute of ours, or can that not be told? */
static bool
has_attribute(const char *path)
{
    char names[XATTR_LIST_MAX];
    ssize_t length = listxattr(path, names, sizeof(names));

    if (length < 0)
        return errno != ENOTSUP && errno != ENOENT && errno != ENOTDIR;
    for (const char *name = names; name < names + length; name += strlen(name) + 1)
        if (strncmp(name, ATTRIBUTES, strlen(ATTRIBUTES)) == 0)
            return true;
    return false;
}

static bool
is_suspect_path(const char *path)
{
    char real[PATH_MAX];

    if (strchr(path, '&') || strstr(path, DIRTY) || is_below_marker(path))
        return true;
    if (!realpath(path, real))
        return errno != ENOENT && errno != ENOTDIR;
    return strstr(real, DIRTY) || is_below_marker(real) || has_attribute(real);
}

/* Does the name of the attribute that ends before @end say that its value is a pool's? */
static bool
is_pool_name(const char *text, const char *end)
{
    static const char name[] = "pool";
    const size_t length = sizeof(name) - 1;

    while (end > text && strchr(SPACE, end[-1]))
        end--;
    return end - text > (ptrdiff_t) length && strncmp(end - length, name, length) == 0 &&
           isspace((unsigned char) *(end - length - 1));
}

/* Is the value between @value and @end of the attribute whose name ends at @equals a suspect? */
static bool
is_suspect(const char *text, const char *equals, const char *value, const char *end)
{
    char path[PATH_MAX];
    size_t length = (size_t) (end - value);

    if (is_pool_name(text, equals))
        return true;
    if (*value != '/' && *value != '&')
        return false;
    if (length >= sizeof(path))
        return true;
    memcpy(path, value, length);
    path[length] = '\0';
    return is_suspect_path(path);
}

bool
rl_domain_text_has_volume(const char *text, char *what, unsigned size)
{
    if (!text || !is_whole(text)) {
        snprintf(what, size, "which is unknown without its XML");
        return true;
    }
    for (const char *equals = strchr(text, '='); equals; equals = strchr(equals + 1, '=')) {
        const char *quote = equals + 1 + strspn(equals + 1, SPACE);
        if (*quote != '\'' && *quote != '"')
            continue;
        const char *value = quote + 1, *end = strchr(value, *quote);
        if (!end)
            break;
        if (is_suspect(text, equals, value, end)) {
            snprintf(what, size, "'%.*s'", (int) (end - value), value);
            return true;
        }
    }
    return false;
}
