/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-copy.h"

#include <errno.h>

#include "common/fs/file-error.h"
#include "common/fs/xattr.h"

/* The attribute is "ID SIZE DATE SIZE DATE", of the image that it was made from and of its own. */
enum { SOURCE_ID, SOURCE_SIZE, SOURCE_DATE, OWN_SIZE, OWN_DATE, WORDS };

bool
rl_image_copy_note(int fd, const char *id, const struct stat *source, GError **error)
{
    struct stat own;

    if (fstat(fd, &own) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    g_autofree char *source_date = rl_image_base_date(source), *date = rl_image_base_date(&own);
    g_autofree char *text = g_strdup_printf("%s %s %s", id, source_date, date);
    return rl_xattr_set(fd, RL_ATTR_COPY_OF, id, error) &&
           rl_xattr_set(fd, RL_ATTR_COPY_DATE, text, error);
}

/* Has @st the size and date that the words say? */
static bool
is_as_made(char **words, const struct stat *st)
{
    g_autofree char *date = g_strdup_printf("%s %s", words[OWN_SIZE], words[OWN_DATE]);
    const RlImageBase own = {words[SOURCE_ID], date};

    return rl_image_base_is(&own, words[SOURCE_ID], st);
}

bool
rl_image_copy_is(int fd, const RlImageBase *noted)
{
    g_autofree char *text = NULL, *date = NULL;
    struct stat st, source;

    if (!noted->id || !rl_xattr_get(fd, RL_ATTR_COPY_DATE, &text, NULL) || !text ||
        fstat(fd, &st) < 0)
        return false;
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    if (g_strv_length(words) != WORDS)
        return false;
    date = g_strdup_printf("%s %s", words[SOURCE_SIZE], words[SOURCE_DATE]);
    const RlImageBase from = {words[SOURCE_ID], date};
    return rl_image_base_stat(&from, &source) && is_as_made(words, &st) &&
           rl_image_base_is(noted, from.id, &source);
}

bool
rl_image_copy_may_be(int fd, const char *id)
{
    g_autofree char *source = NULL;

    return rl_xattr_get(fd, RL_ATTR_COPY_OF, &source, NULL) && source && g_strcmp0(source, id) == 0;
}
