/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-owner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/base/autofd.h"
#include "common/base/boot.h"
#include "common/fs/file-error.h"
#include "common/fs/inode.h"
#include "common/fs/lease.h"
#include "common/fs/mounting.h"
#include "common/fs/xattr.h"
#include "ended-note.h"

#define GROUP "run"
/* So long may pass between a note of ours and what it was made for; an end of the image's own
 * writing, as its date, comes then. */
#define NOTED_US (60 * G_USEC_PER_SEC)
/* A domain's name may be long; the attribute shares one block with all others on ext4. */
#define NAME_SHOWN_MAX 256

/* Counts suspended time too, unlike CLOCK_MONOTONIC. */
gint64
rl_boot_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000;
}

/* Where the file system tells no time of birth, the number alone. Owned by the caller; NULL with
 * @error. */
static char *
describe(int fd, GError **error)
{
    g_autofree char *inode = NULL;
    struct stat st;

    if (!rl_inode_describe(fd, "", &inode, error))
        return NULL;
    if (inode)
        return g_steal_pointer(&inode);
    if (fstat(fd, &st) == 0)
        return g_strdup_printf("%" G_GUINT64_FORMAT, (guint64) st.st_ino);
    rl_fail_file(error, errno, fd, "cannot examine");
    return NULL;
}

/* Another kernel may tell a time of birth where this one does not. */
static bool
is_same_inode(const char *noted, const char *here)
{
    size_t number = strcspn(noted, " ");

    if (noted[number] && strchr(here, ' '))
        return strcmp(noted, here) == 0;
    return number == strcspn(here, " ") && strncmp(noted, here, number) == 0;
}

/* Is @run of this boot of the host? @otherwise where that cannot be told. */
static bool
is_of_this_boot(const RlImageOwner *run, bool otherwise)
{
    g_autofree char *boot = rl_boot_id(NULL);

    return boot ? strcmp(boot, run->boot_id) == 0 : otherwise;
}

bool
rl_image_owner_put_back(int fd, const RlImageOwner *run, GError **error)
{
    g_autoptr(GKeyFile) file = g_key_file_new();

    if (!run->copied && !is_of_this_boot(run, false))
        g_key_file_set_int64(file, GROUP, "noted", g_get_real_time());
    if (run->host)
        g_key_file_set_string(file, GROUP, "host", run->host);

    g_key_file_set_string(file, GROUP, "driver", run->driver);
    g_key_file_set_string(file, GROUP, "uuid", run->uuid);
    g_key_file_set_string(file, GROUP, "name", run->name);
    g_key_file_set_string(file, GROUP, "boot", run->boot_id);
    g_key_file_set_int64(file, GROUP, "since", run->since_us);
    g_key_file_set_boolean(file, GROUP, "written", run->written);
    g_key_file_set_boolean(file, GROUP, "readonly", run->readonly);
    g_key_file_set_boolean(file, GROUP, "continued", run->continued);
    if (run->mounting != 0)
        g_key_file_set_uint64(file, GROUP, "mounting", run->mounting);
    if (run->arriving)
        g_key_file_set_boolean(file, GROUP, "arriving", TRUE);
    if (run->inode)
        g_key_file_set_string(file, GROUP, "inode", run->inode);
    if (run->witness)
        g_key_file_set_string(file, GROUP, "witness", run->witness);

    g_autofree char *text = g_key_file_to_data(file, NULL, NULL);
    return rl_xattr_set(fd, RL_ATTR_RUN, text, error);
}

bool
rl_image_owner_set(int fd, const RlDomainRef *owner, RlOwnerTraits traits, GError **error)
{
    g_autoptr(RlImageOwner) run = g_new0(RlImageOwner, 1);

    /* Without it the run would look like one of an earlier boot, which anybody may end. */
    run->boot_id = rl_boot_id(error);
    run->inode = run->boot_id ? describe(fd, error) : NULL;
    if (!run->inode)
        return false;
    run->driver = g_strdup(owner->driver);
    run->uuid = g_strdup(owner->uuid);
    run->name =
        g_utf8_substring(owner->name, 0, MIN(NAME_SHOWN_MAX, g_utf8_strlen(owner->name, -1)));
    run->host = rl_boot_host();
    run->since_us = rl_boot_clock_us();
    run->mounting = rl_mounting_id(fd);
    run->written = traits.written;
    run->readonly = traits.readonly;
    run->continued = traits.continued;
    run->arriving = traits.arriving;
    run->witness = g_strdup(owner->witness);
    return rl_image_owner_put_back(fd, run, error);
}

bool
rl_image_owner_take_along(int from, int fd, GError **error)
{
    g_autoptr(RlImageOwner) run = NULL;

    if (!rl_image_owner_get(from, &run, error))
        return false;
    if (!run || !run->inode || run->copied)
        return true;
    g_free(run->inode);
    run->inode = describe(fd, error);
    return run->inode && rl_image_owner_put_back(fd, run, error);
}

/* A leftover's inode was changed since the host has booted, and not by us. Another host's clock is
 * not this one's, and a time that is still to come is none. */
static bool
is_put_back(int fd, const RlImageOwner *run, gint64 noted_us, bool *ret_so, GError **error)
{
    struct stat st;

    *ret_so = false;
    /* An administrator may write to what he began. A version that notes no host notes no changes.
     */
    if (is_of_this_boot(run, true) || rl_image_owner_is_by_hand(run) || run->readonly || !run->host)
        return true;
    g_autofree char *host = rl_boot_host();
    if (g_strcmp0(run->host, host) != 0)
        return true;
    if (fstat(fd, &st) < 0)
        return rl_fail_file(error, errno, fd, "cannot examine");
    gint64 changed_us = (gint64) st.st_ctim.tv_sec * G_USEC_PER_SEC + st.st_ctim.tv_nsec / 1000;
    gint64 booted_us = rl_boot_began_us();
    *ret_so = booted_us != 0 && changed_us > booted_us + RL_OWNER_CLOCK_US &&
              changed_us <= g_get_real_time() &&
              (noted_us < booted_us || ABS(changed_us - noted_us) > NOTED_US);
    return true;
}

static char *
string_or(GKeyFile *file, const char *key, const char *otherwise)
{
    char *value = g_key_file_get_string(file, GROUP, key, NULL);

    return value ? value : g_strdup(otherwise);
}

bool
rl_image_owner_get(int fd, RlImageOwner **ret_run, GError **error)
{
    g_autofree char *text = NULL, *here = NULL;
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) no_flag = NULL;

    if (!rl_xattr_get(fd, RL_ATTR_RUN, &text, error) || (text && !(here = describe(fd, error))))
        return false;
    if (!text) {
        *ret_run = NULL;
        return true;
    }

    /* Only root can have written it, so a value that does not parse is damage, not an attack. */
    g_key_file_load_from_data(file, text, (gsize) -1, G_KEY_FILE_NONE, NULL);

    RlImageOwner *run = g_new0(RlImageOwner, 1);
    run->driver = string_or(file, "driver", "unknown");
    run->uuid = string_or(file, "uuid", "unknown");
    run->name = string_or(file, "name", "unknown");
    run->boot_id = string_or(file, "boot", "");
    run->since_us = g_key_file_get_int64(file, GROUP, "since", NULL);
    run->mounting = g_key_file_get_uint64(file, GROUP, "mounting", NULL);
    run->written = g_key_file_get_boolean(file, GROUP, "written", &no_flag) || no_flag;
    run->readonly = g_key_file_get_boolean(file, GROUP, "readonly", NULL);
    run->continued = g_key_file_get_boolean(file, GROUP, "continued", NULL);
    run->arriving = g_key_file_get_boolean(file, GROUP, "arriving", NULL);
    run->ended = rl_ended_is_noted(fd, run->since_us);
    run->inode = g_key_file_get_string(file, GROUP, "inode", NULL);
    run->witness = g_key_file_get_string(file, GROUP, "witness", NULL);
    run->host = g_key_file_get_string(file, GROUP, "host", NULL);
    gint64 noted_us = g_key_file_get_int64(file, GROUP, "noted", NULL);
    bool put_back;
    if (!is_put_back(fd, run, noted_us, &put_back, error)) {
        rl_image_owner_free(run);
        return false;
    }
    bool other = run->inode && !is_same_inode(run->inode, here);
    run->put_back = put_back && !other;
    run->copied = put_back || other;
    *ret_run = run;
    return true;
}

bool
rl_image_owner_is_of_other_inode(int fd, bool *ret_so, GError **error)
{
    g_autofree char *text = NULL, *here = NULL;
    g_autoptr(GKeyFile) file = g_key_file_new();

    *ret_so = false;
    if (!rl_xattr_get(fd, RL_ATTR_RUN, &text, error))
        return false;
    if (!text)
        return true;
    here = describe(fd, error);
    if (!here)
        return false;
    g_key_file_load_from_data(file, text, (gsize) -1, G_KEY_FILE_NONE, NULL);
    g_autofree char *noted = g_key_file_get_string(file, GROUP, "inode", NULL);
    *ret_so = noted && !is_same_inode(noted, here);
    return true;
}

bool
rl_boot_was_within(int seconds, const char *boot_id, gint64 when_us)
{
    g_autofree char *boot = rl_boot_id(NULL);
    gint64 now_us = rl_boot_clock_us();

    /* Before the boot: a time that no clock said, and too far back to subtract. */
    if ((boot && strcmp(boot, boot_id) != 0) || when_us < 0 || when_us > now_us)
        return false;
    return now_us - when_us < (gint64) seconds * G_USEC_PER_SEC;
}

gint64
rl_image_owner_began_us(const RlImageOwner *run)
{
    g_autofree char *boot = rl_boot_id(NULL);
    gint64 now_us = rl_boot_clock_us();

    if (!boot || strcmp(boot, run->boot_id) != 0 || run->since_us < 0 || run->since_us > now_us)
        return 0;
    return g_get_real_time() - (now_us - run->since_us);
}

bool
rl_image_owner_has_true_dates(const RlImageOwner *run, int fd)
{
    g_autofree char *boot = rl_boot_id(NULL);

    return boot && strcmp(boot, run->boot_id) == 0 && run->mounting != 0 &&
           run->mounting == rl_mounting_id(fd);
}

bool
rl_image_owner_is_fresh(const RlImageOwner *run)
{
    return !run->ended && rl_boot_was_within(RL_OWNER_GRACE_SECONDS, run->boot_id, run->since_us);
}

bool
rl_image_owner_is_open(const RlImageOwner *run, int fd)
{
    return rl_lease_has_writer(fd) || (run && run->readonly && rl_lease_has_opener(fd));
}

bool
rl_image_owner_is_held(const RlImageOwner *run, int fd)
{
    if (rl_lease_has_writer(fd))
        return true;
    for (int i = 0; run && rl_lease_has_opener(fd); i++) {
        if (i == 5)
            return true;
        g_usleep(10 * 1000);
    }
    return false;
}

bool
rl_image_owner_is_of(const RlImageOwner *run, const RlDomainRef *owner)
{
    if (strcmp(run->uuid, owner->uuid) != 0 || strcmp(run->driver, owner->driver) != 0)
        return false;
    if (owner->until_us == 0 || run->since_us <= owner->until_us)
        return true;

    /* The clock begins anew with each boot. */
    g_autofree char *boot = rl_boot_id(NULL);
    return boot && strcmp(boot, run->boot_id) != 0;
}

bool
rl_image_owner_is_by_hand(const RlImageOwner *run)
{
    return strcmp(run->driver, RL_OWNER_BY_HAND) == 0;
}

bool
rl_image_owner_leave(int fd, RlImageOwner *run, GError **error)
{
    /* Nobody is waited for who may be about to open it: that was the one who left. */
    run->since_us -= (gint64) RL_OWNER_GRACE_SECONDS * G_USEC_PER_SEC;
    return rl_image_owner_put_back(fd, run, error);
}

bool
rl_image_owner_expect_change(int fd, const RlImageOwner *run, GError **error)
{
    return !run || run->copied || is_of_this_boot(run, false) ||
           rl_image_owner_put_back(fd, run, error);
}

bool
rl_image_owner_clear(int fd, GError **error)
{
    return rl_xattr_remove(fd, RL_ATTR_RUN, error);
}

void
rl_image_owner_free(RlImageOwner *run)
{
    if (!run)
        return;
    g_free(run->driver);
    g_free(run->uuid);
    g_free(run->name);
    g_free(run->boot_id);
    g_free(run->host);
    g_free(run->inode);
    g_free(run->witness);
    g_free(run);
}
