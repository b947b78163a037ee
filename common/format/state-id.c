/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "state-id.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/error.h"
#include "common/format/image-id.h"
#include "common/fs/file-error.h"
#include "common/fs/xattr.h"

#define NANOSECONDS 1000000000

bool
rl_state_id_is_valid(const RlStateId *state)
{
    if (strspn(state->id, "0123456789abcdef") != RL_STATE_ID_DIGITS)
        return false;
    return state->size <= INT64_MAX && state->date.tv_nsec >= 0 &&
           state->date.tv_nsec < NANOSECONDS;
}

bool
rl_state_id_same(const RlStateId *one, const RlStateId *other)
{
    return strcmp(one->id, other->id) == 0 && one->size == other->size &&
           one->date.tv_sec == other->date.tv_sec && one->date.tv_nsec == other->date.tv_nsec;
}

char *
rl_state_id_format(const RlStateId *state)
{
    return g_strdup_printf("%s:%" G_GUINT64_FORMAT ":%" G_GINT64_FORMAT ":%ld", state->id,
                           state->size, (gint64) state->date.tv_sec, (long) state->date.tv_nsec);
}

/* On a file system that keeps no attribute of the namespace trusted. */
static bool
refuse_without_id(int fd, GError **error)
{
    g_autofree char *label = rl_file_label(fd);

    return rl_fail(error, RL_ERROR_INVALID, "%s has no id: it does not keep the attribute '%s'",
                   label, RL_ATTR_PREFIX RL_ATTR_ID);
}

/* What the image says of itself, with the id @id. */
static bool
describe(int fd, const char *id, RlStateId *ret_state, GError **error)
{
    RlStateId state = {0};
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    g_strlcpy(state.id, id, sizeof(state.id));
    state.size = (uint64_t) st.st_size;
    state.date = st.st_mtim;
    if (strlen(id) != RL_STATE_ID_DIGITS || !rl_state_id_is_valid(&state)) {
        g_autofree char *label = rl_file_label(fd);
        return rl_fail(error, RL_ERROR_INVALID, "the attribute '%s' of %s is damaged",
                       RL_ATTR_PREFIX RL_ATTR_ID, label);
    }
    *ret_state = state;
    return true;
}

static bool
parse_field(const char *text, gint64 min, gint64 max, gint64 *ret_number)
{
    return g_ascii_string_to_signed(text, 10, min, max, ret_number, NULL);
}

bool
rl_state_id_parse(const char *text, RlStateId *ret_state)
{
    g_auto(GStrv) fields = g_strsplit(text, ":", -1);
    RlStateId state = {0};
    gint64 size, seconds, nanoseconds;

    if (g_strv_length(fields) != 4 || strlen(fields[0]) != RL_STATE_ID_DIGITS ||
        !parse_field(fields[1], 0, G_MAXINT64, &size) ||
        !parse_field(fields[2], G_MININT64, G_MAXINT64, &seconds) ||
        !parse_field(fields[3], 0, NANOSECONDS - 1, &nanoseconds))
        return false;
    g_strlcpy(state.id, fields[0], sizeof(state.id));
    state.size = (uint64_t) size;
    state.date = (struct timespec){.tv_sec = seconds, .tv_nsec = nanoseconds};
    *ret_state = state;
    return rl_state_id_is_valid(&state);
}

/* What was received, if @own, what the image is now, is what it became then. */
static bool
get_received(int fd, const RlStateId *own, bool *ret_there, RlStateId *ret_state, GError **error)
{
    g_autofree char *text = NULL;
    RlStateId became = {0};

    *ret_there = false;
    if (!rl_xattr_get(fd, RL_ATTR_RECEIVED, &text, error))
        return false;
    g_auto(GStrv) states = text ? g_strsplit(text, " ", -1) : NULL;
    *ret_there = states && g_strv_length(states) == 2 && rl_state_id_parse(states[0], ret_state) &&
                 rl_state_id_parse(states[1], &became) && rl_state_id_same(&became, own);
    return true;
}

bool
rl_state_id_get(int fd, RlStateId *ret_state, GError **error)
{
    g_autofree char *id = NULL;
    RlStateId own = {0}, received = {0};
    bool there;

    if (!rl_image_id_ensure(fd, &id, error))
        return false;
    if (!id)
        return refuse_without_id(fd, error);
    if (!describe(fd, id, &own, error) || !get_received(fd, &own, &there, &received, error))
        return false;
    *ret_state = there ? received : own;
    return true;
}

bool
rl_state_id_is(int fd, const RlStateId *state, bool *ret_is, GError **error)
{
    g_autofree char *id = NULL;
    RlStateId own = {0}, received = {0};
    bool there;

    *ret_is = false;
    if (!rl_image_id_get(fd, &id, error))
        return false;
    if (!id)
        return true;
    if (!describe(fd, id, &own, error) || !get_received(fd, &own, &there, &received, error))
        return false;
    *ret_is = rl_state_id_same(&own, state) || (there && rl_state_id_same(&received, state));
    return true;
}

bool
rl_state_id_set_received(int fd, const RlStateId *state, GError **error)
{
    g_autofree char *id = NULL;
    RlStateId own = {0};

    if (!rl_image_id_ensure(fd, &id, error))
        return false;
    if (!id)
        return refuse_without_id(fd, error);
    if (!describe(fd, id, &own, error))
        return false;
    g_autofree char *received = rl_state_id_format(state), *became = rl_state_id_format(&own);
    g_autofree char *text = g_strconcat(received, " ", became, NULL);
    return rl_xattr_set(fd, RL_ATTR_RECEIVED, text, error);
}
