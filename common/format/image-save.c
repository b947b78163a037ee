/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-save.h"

#include <errno.h>
#include <string.h>

#include "common/base/error.h"
#include "common/fs/file-error.h"
#include "common/fs/xattr.h"

#define GROUP "save"
/* The attribute shares one block with all others on ext4. */
#define EARLIER_MAX 8

void
rl_memory_free(RlMemory *memory)
{
    if (!memory)
        return;
    g_free(memory->file);
    g_free(memory->digest);
    g_free(memory->save);
    g_strfreev(memory->reads);
    g_free(memory);
}

void
rl_save_free(RlSave *save)
{
    if (!save)
        return;
    g_free(save->id);
    g_free(save->memory);
    g_free(save->tried);
    g_strfreev(save->earlier);
    g_strfreev(save->reads);
    g_free(save);
}

/* 0 where it is no time that could be counted with. */
static gint64
get_time(GKeyFile *file, const char *key)
{
    gint64 us = g_key_file_get_int64(file, GROUP, key, NULL);

    return us > 0 && us < G_MAXINT64 / 2 ? us : 0;
}

/* Only root can have written it, so a value that does not parse is damage, not an attack. */
static bool
parse(const char *text, RlSave *save)
{
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) missing = NULL;

    if (!g_key_file_load_from_data(file, text, (gsize) -1, G_KEY_FILE_NONE, NULL))
        return false;
    save->id = g_key_file_get_string(file, GROUP, "id", NULL);
    save->begun_us = get_time(file, "begun");
    save->ended_us = get_time(file, "ended");
    save->since_us = g_key_file_get_int64(file, GROUP, "since", NULL);
    save->memory = g_key_file_get_string(file, GROUP, "memory", NULL);
    save->tried = g_key_file_get_string(file, GROUP, "tried", NULL);
    save->confirmed = g_key_file_get_boolean(file, GROUP, "confirmed", NULL);
    save->waiting = g_key_file_get_boolean(file, GROUP, "waiting", NULL);
    save->earlier = g_key_file_get_string_list(file, GROUP, "earlier", NULL, NULL);
    if (!save->earlier)
        save->earlier = g_new0(char *, 1);
    save->reads = g_key_file_get_string_list(file, GROUP, "reads", NULL, NULL);
    /* Without these nothing can be compared. */
    save->date.tv_sec = g_key_file_get_int64(file, GROUP, "date", &missing);
    if (!missing)
        save->date.tv_nsec = g_key_file_get_int64(file, GROUP, "date-ns", &missing);
    if (!missing)
        save->size = g_key_file_get_int64(file, GROUP, "size", &missing);
    return !missing;
}

bool
rl_save_get(int fd, RlSave **ret_save, GError **error)
{
    g_autofree char *text = NULL;
    g_autoptr(RlSave) save = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_SAVE, &text, error))
        return false;
    save = text ? g_new0(RlSave, 1) : NULL;
    if (save && !parse(text, save)) {
        g_autofree char *label = rl_file_label(fd);
        return rl_fail(error, RL_ERROR_STATE, "the attribute '%s' of %s is damaged",
                       RL_ATTR_PREFIX RL_ATTR_SAVE, label);
    }
    *ret_save = g_steal_pointer(&save);
    return true;
}

static void
put_string(GKeyFile *file, const char *key, const char *value)
{
    if (value)
        g_key_file_set_string(file, GROUP, key, value);
}

static void
put_list(GKeyFile *file, const char *key, char **values)
{
    if (values && values[0])
        g_key_file_set_string_list(file, GROUP, key, (const char *const *) values,
                                   g_strv_length(values));
}

static bool
put(int fd, const RlSave *save, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    put_string(file, "id", save->id);
    g_key_file_set_int64(file, GROUP, "begun", save->begun_us);
    g_key_file_set_int64(file, GROUP, "ended", save->ended_us);
    if (save->since_us != 0)
        g_key_file_set_int64(file, GROUP, "since", save->since_us);
    g_key_file_set_int64(file, GROUP, "date", save->date.tv_sec);
    g_key_file_set_int64(file, GROUP, "date-ns", save->date.tv_nsec);
    g_key_file_set_int64(file, GROUP, "size", save->size);
    put_string(file, "memory", save->memory);
    put_string(file, "tried", save->tried);
    if (save->confirmed)
        g_key_file_set_boolean(file, GROUP, "confirmed", true);
    if (save->waiting)
        g_key_file_set_boolean(file, GROUP, "waiting", true);
    put_list(file, "earlier", save->earlier);
    put_list(file, "reads", save->reads);

    g_autofree char *text = g_key_file_to_data(file, NULL, NULL);
    return rl_xattr_set(fd, RL_ATTR_SAVE, text, error);
}

/* The digests that @old knows, for the save after it; owned by the caller. */
static char **
earlier_of(const RlSave *old)
{
    g_autoptr(GPtrArray) all = g_ptr_array_new();
    const char *last = !old ? NULL : old->memory ? old->memory : old->tried;

    for (guint i = 0; old && old->earlier[i]; i++)
        g_ptr_array_add(all, old->earlier[i]);
    if (last && !(old && g_strv_contains((const char *const *) old->earlier, last)))
        g_ptr_array_add(all, (void *) last);
    if (all->len > EARLIER_MAX)
        g_ptr_array_remove_range(all, 0, all->len - EARLIER_MAX);
    g_ptr_array_add(all, NULL);
    return g_strdupv((char **) all->pdata);
}

static bool
note_image(int fd, RlSave *save, GError **error)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    save->date = st.st_mtim;
    save->size = st.st_size;
    save->ended_us = g_get_real_time();
    return put(fd, save, error);
}

bool
rl_save_note(int fd, const RlImageOwner *run, const RlMemory *memory, GError **error)
{
    g_autoptr(RlSave) old = NULL, save = g_new0(RlSave, 1);

    /* What is damaged is replaced. */
    rl_save_get(fd, &old, NULL);
    save->earlier = earlier_of(old);
    save->id = memory ? g_strdup(memory->save) : NULL;
    save->memory = memory ? g_strdup(memory->digest) : NULL;
    save->reads = memory ? g_strdupv(memory->reads) : NULL;
    save->begun_us = rl_image_owner_began_us(run);
    save->since_us = run->since_us;
    return note_image(fd, save, error);
}

bool
rl_save_is_of_run(int fd, const RlImageOwner *run)
{
    g_autoptr(RlSave) save = NULL;

    return !rl_save_get(fd, &save, NULL) || !save || save->since_us == 0 ||
           save->since_us == run->since_us;
}

bool
rl_save_note_cut_off(int fd, const RlImageOwner *run, GError **error)
{
    g_autoptr(RlSave) old = NULL, save = g_new0(RlSave, 1);

    rl_save_get(fd, &old, NULL);
    save->earlier = earlier_of(old);
    save->begun_us = run ? rl_image_owner_began_us(run) : 0;
    if (save->begun_us == 0)
        save->begun_us = g_get_real_time();
    return note_image(fd, save, error);
}

bool
rl_save_try(int fd, const RlMemory *memory, GError **error)
{
    g_autoptr(RlSave) save = NULL;
    struct stat st;

    if (!memory || !memory->digest)
        return true;
    if (!rl_save_get(fd, &save, error))
        return false;
    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    if (save && rl_save_has_same_image(save, &st)) {
        g_free(save->tried);
        save->tried = g_strdup(memory->digest);
        return put(fd, save, error);
    }
    /* It was saved without one, or before that could be noted. */
    g_autoptr(RlSave) found = g_new0(RlSave, 1);
    found->earlier = earlier_of(save);
    found->tried = g_strdup(memory->digest);
    return note_image(fd, found, error);
}

bool
rl_save_note_waiting(int fd, bool waiting, GError **error)
{
    g_autoptr(RlSave) save = NULL;

    if (!rl_save_get(fd, &save, NULL) || !save || save->waiting == waiting)
        return true;
    save->waiting = waiting;
    return put(fd, save, error);
}

bool
rl_save_keep_for(int fd, const RlImageOwner *run, GError **error)
{
    g_autoptr(RlSave) save = NULL;

    if (!rl_save_get(fd, &save, error))
        return false;
    if (!save)
        return true;
    if (save->since_us != 0)
        save->since_us = run->since_us;
    if (save->confirmed) {
        g_free(save->tried);
        save->tried = g_steal_pointer(&save->memory);
        save->confirmed = false;
    }
    return put(fd, save, error);
}

bool
rl_save_confirm(int fd, GError **error)
{
    g_autoptr(RlSave) save = NULL;

    if (!rl_save_get(fd, &save, error))
        return false;
    if (!save || !save->tried || save->memory)
        return true;
    save->memory = g_steal_pointer(&save->tried);
    save->confirmed = true;
    return put(fd, save, error);
}

bool
rl_save_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_SAVE, error);
}

bool
rl_save_has_same_image(const RlSave *save, const struct stat *st)
{
    return save->size == st->st_size && save->date.tv_sec == st->st_mtim.tv_sec &&
           save->date.tv_nsec == st->st_mtim.tv_nsec;
}

bool
rl_save_is_earlier(const RlSave *save, const char *digest)
{
    return digest && g_strv_contains((const char *const *) save->earlier, digest);
}
