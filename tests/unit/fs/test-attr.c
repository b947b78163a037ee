/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* filesystems: xfs btrfs ext4 */
#include "common/fs/xattr.h"

#include "common/base/autofd.h"
#include "common/base/error.h"
#include "common/format/image-id.h"
#include "common/format/image-mark.h"
#include "harness/disturb.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A new file in the lab's pool directory; the descriptor reads only, as the engine's do. */
static int
new_file(Lab *lab, const char *name)
{
    g_autofree char *path = lab_path(lab, name);

    make_file(path, "x");
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void
test_values(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    GError *error = NULL;
    g_autofree char *value = NULL, *at = NULL, *gone = NULL, *empty = NULL;
    char raw[64] = "";

    g_assert_true(rl_xattr_get(fd, "k", &gone, &error));
    g_assert_null(gone);
    g_assert_true(rl_xattr_set(fd, "k", "first", &error));
    g_assert_true(rl_xattr_set(fd, "k", "v = \n\xc3\xa4", &error));
    g_assert_true(rl_xattr_get(fd, "k", &value, &error));
    g_assert_cmpstr(value, ==, "v = \n\xc3\xa4");
    g_assert_true(rl_xattr_get_at(lab->pool->root, "f", "k", &at, &error));
    g_assert_cmpstr(at, ==, value);
    g_assert_cmpint(fgetxattr(fd, "trusted.libvirt-reflink.k", raw, sizeof(raw)), ==, 7);

    g_assert_true(rl_xattr_set(fd, "k", "", &error));
    g_assert_true(rl_xattr_get(fd, "k", &empty, &error));
    g_assert_cmpstr(empty, ==, "");
    g_assert_true(rl_xattr_remove(fd, "k", &error));
    g_assert_true(rl_xattr_remove(fd, "k", &error));
    g_assert_true(rl_xattr_get(fd, "k", &gone, &error));
    g_assert_null(gone);
    g_assert_no_error(error);
}

static void
test_first_value_stays(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    g_autofree char *value = NULL;
    GError *error = NULL;
    bool set;

    g_assert_true(rl_xattr_set_new(fd, "k", "mine", &set, &error));
    g_assert_true(set);
    g_assert_true(rl_xattr_set_new(fd, "k", "yours", &set, &error));
    g_assert_false(set);
    g_assert_true(rl_xattr_get(fd, "k", &value, &error));
    g_assert_cmpstr(value, ==, "mine");
    g_assert_no_error(error);
}

static void
test_numbers(Lab *lab)
{
    const char *const none[] = {"", "x", "-1", "18446744073709551616", "7 ", "0x7"};
    rl_autofd int fd = new_file(lab, "f");
    GError *error = NULL;
    uint64_t number = 99;

    g_assert_true(rl_xattr_get_number(fd, "n", &number, &error));
    g_assert_cmpuint(number, ==, 0);
    g_assert_true(rl_xattr_set_number(fd, "n", G_MAXUINT64, &error));
    g_assert_true(rl_xattr_get_number(fd, "n", &number, &error));
    g_assert_cmpuint(number, ==, G_MAXUINT64);
    for (size_t i = 0; i < G_N_ELEMENTS(none); i++) {
        g_assert_true(rl_xattr_set(fd, "n", none[i], &error));
        g_assert_true(rl_xattr_get_number(fd, "n", &number, &error));
        g_assert_cmpuint(number, ==, 0);
    }
    g_assert_no_error(error);
}

/* A value that is longer than anything we write is damage, but not none: a mark goes on to hold,
 * and an image keeps the id it has. */
static void
test_too_long(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    g_autofree char *large = g_strnfill(3000, 'v');
    g_autofree char *value = NULL, *at = NULL, *id = NULL;
    g_autoptr(RlImageOwner) run = NULL;
    GError *error = NULL;
    RlMark hold;

    g_assert_true(rl_xattr_set(fd, "k", large, &error));
    g_assert_true(rl_xattr_get(fd, "k", &value, &error));
    g_assert_cmpstr(value, ==, large);
    g_assert_true(rl_xattr_get_at(lab->pool->root, "f", "k", &at, &error));
    g_assert_cmpstr(at, ==, large);
    g_assert_true(rl_xattr_remove(fd, "k", &error));

    g_assert_true(rl_xattr_set(fd, RL_ATTR_ID, large, &error));
    g_assert_true(rl_image_id_ensure(fd, &id, &error));
    g_assert_cmpstr(id, ==, large);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_ID, &error));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_HOLD, large, &error));
    g_assert_true(rl_mark_get(fd, &hold, &error));
    g_assert_cmpint(hold, ==, RL_MARK_SUSPECT);
    g_assert_true(rl_xattr_remove(fd, RL_ATTR_HOLD, &error));
    g_assert_true(rl_xattr_set(fd, RL_ATTR_RUN, large, &error));
    g_assert_true(rl_image_owner_get(fd, &run, &error));
    g_assert_cmpstr(run->uuid, ==, "unknown");
    g_assert_no_error(error);
}

static void
test_errors_name_the_attribute(Lab *lab)
{
    GError *error = NULL;
    char *value;
    bool set;

    g_assert_false(rl_xattr_get(-1, "k", &value, &error));
    take_errno(error, EBADF, "'trusted.libvirt-reflink.k'");
    error = NULL;
    g_assert_false(rl_xattr_set(-1, "k", "v", &error));
    take_errno(error, EBADF, "'trusted.libvirt-reflink.k'");
    error = NULL;
    g_assert_false(rl_xattr_set_new(-1, "k", "v", &set, &error));
    take_errno(error, EBADF, "'trusted.libvirt-reflink.k'");
    error = NULL;
    g_assert_false(rl_xattr_remove(-1, "k", &error));
    take_errno(error, EBADF, "'trusted.libvirt-reflink.k'");
    error = NULL;
    g_assert_false(rl_xattr_get_at(lab->pool->root, "missing", "k", &value, &error));
    take_errno(error, ENOENT, "'trusted.libvirt-reflink.k'");
}

static void
test_identity_is_given_once(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f"), other = new_file(lab, "g");
    g_autofree char *none = NULL, *id = NULL, *again = NULL, *read = NULL, *others = NULL;
    GError *error = NULL;

    g_assert_true(rl_image_id_get(fd, &none, &error));
    g_assert_null(none);
    g_assert_true(rl_image_id_ensure(fd, &id, &error));
    g_assert_true(rl_image_id_ensure(fd, &again, &error));
    g_assert_true(rl_image_id_get(fd, &read, &error));
    g_assert_true(rl_image_id_ensure(other, &others, &error));
    g_assert_no_error(error);
    g_assert_cmpuint(strlen(id), ==, 32);
    g_assert_cmpuint(strspn(id, "0123456789abcdef"), ==, 32);
    g_assert_cmpstr(again, ==, id);
    g_assert_cmpstr(read, ==, id);
    g_assert_cmpstr(others, !=, id);
}

/* A new clean image has nothing left of the dirty image that it was. */
static void
test_identity_anew(Lab *lab)
{
    const char *const of_dirty[] = {RL_ATTR_RUN, RL_ATTR_HOLD, RL_ATTR_BASE};
    rl_autofd int fd = new_file(lab, "f");
    g_autofree char *before = NULL, *after = NULL;
    GError *error = NULL;
    uint64_t highest;

    g_assert_true(rl_image_id_ensure(fd, &before, &error));
    for (size_t i = 0; i < G_N_ELEMENTS(of_dirty); i++)
        g_assert_true(rl_xattr_set(fd, of_dirty[i], "1", &error));
    g_assert_true(rl_image_id_new(fd, 41, &error));
    g_assert_true(rl_image_id_get(fd, &after, &error));
    g_assert_cmpstr(after, !=, before);
    g_assert_true(rl_xattr_get_number(fd, RL_ATTR_HIGHEST, &highest, &error));
    g_assert_cmpuint(highest, ==, 41);
    for (size_t i = 0; i < G_N_ELEMENTS(of_dirty); i++) {
        g_autofree char *value = NULL;
        g_assert_true(rl_xattr_get(fd, of_dirty[i], &value, &error));
        g_assert_null(value);
    }
    g_assert_no_error(error);
}

/* --- Several are removed at once. */

static const char *const keys[] = {"a", "b", "c", "d"};

static void
set_keys(int fd)
{
    g_assert_true(rl_xattr_set(fd, "b", "1", NULL));
    g_assert_true(rl_xattr_set(fd, "d", "2", NULL));
    g_assert_true(rl_xattr_set(fd, "e", "3", NULL));
}

static void
keys_are(int fd, const char *wanted)
{
    g_autoptr(GString) found = g_string_new(NULL);

    for (const char *key = "abcde"; *key; key++) {
        const char name[] = {*key, '\0'};
        g_autofree char *value = NULL;
        g_assert_true(rl_xattr_get(fd, name, &value, NULL));
        if (value)
            g_string_append_c(found, *key);
    }
    g_assert_cmpstr(found->str, ==, wanted);
}

static int at_hand; /* for the attempt */

ATTEMPT(remove_keys, rl_xattr_remove_all(at_hand, keys, G_N_ELEMENTS(keys), error))

static guint
removals(Lab *lab, bool *ret_done, GError **error)
{
    Disturbance all = {.nr = SYS_fremovexattr, .first = 1};

    *ret_done = disturb(lab, &all, remove_keys, error);
    return all.made;
}

static void
test_remove_all(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    GError *error = NULL;
    bool done;

    at_hand = fd;
    set_keys(fd);
    g_assert_cmpuint(removals(lab, &done, &error), ==, 2);
    g_assert_true(done);
    keys_are(fd, "e");
    g_assert_cmpuint(removals(lab, &done, &error), ==, 0);
    /* A list without one of ours proves nothing. */
    g_assert_cmpint(fsetxattr(fd, "user.other", "", 0, 0), ==, 0);
    g_assert_true(rl_xattr_remove(fd, "e", &error));
    g_assert_cmpuint(removals(lab, &done, &error), ==, 4);
    g_assert_true(done);
    g_assert_no_error(error);
}

/* In their order: the first that cannot be removed is the last that is tried. */
static void
test_remove_in_order(Lab *lab)
{
    Disturbance second = {.nr = SYS_fremovexattr, .first = 2, .code = EIO};
    rl_autofd int fd = new_file(lab, "f");
    g_autoptr(GError) error = NULL;

    at_hand = fd;
    set_keys(fd);
    g_assert_false(disturb(lab, &second, remove_keys, &error));
    g_assert_nonnull(strstr(error->message, RL_ATTR_PREFIX "d"));
    keys_are(fd, "de");
}

/* Whoever owns an image can give it so many attributes that they are not listed. */
static void
test_remove_unlisted(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    Disturbance list = {.nr = SYS_flistxattr, .first = 1, .code = E2BIG};
    char name[64];

    at_hand = fd;
    set_keys(fd);
    g_assert_true(disturb(lab, &list, remove_keys, NULL));
    g_assert_cmpuint(list.made, ==, 1);
    keys_are(fd, "e");

    set_keys(fd);
    for (int i = 0; i < 60; i++) { /* what ext4 has room for fits into no list of the usual size */
        g_snprintf(name, sizeof(name), "user.%050d", i);
        if (fsetxattr(fd, name, "", 0, 0) < 0)
            break;
    }
    g_assert_true(rl_xattr_remove_all(fd, keys, G_N_ELEMENTS(keys), NULL));
    keys_are(fd, "e");
}

/* Without the right to see our attributes a list has none of them, whatever there is. */
static gpointer
remove_without_rights(gpointer data)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct caps[2];

    g_assert_cmpint(syscall(SYS_capget, &header, caps), ==, 0);
    caps[0].effective &= ~(1U << CAP_SYS_ADMIN);
    g_assert_cmpint(syscall(SYS_capset, &header, caps), ==, 0);
    return GINT_TO_POINTER(rl_xattr_remove_all(at_hand, keys, G_N_ELEMENTS(keys), data));
}

static void
test_remove_without_rights(Lab *lab)
{
    rl_autofd int fd = new_file(lab, "f");
    g_autoptr(GError) error = NULL;

    at_hand = fd;
    set_keys(fd);
    g_assert_cmpint(fsetxattr(fd, "user.listed", "", 0, 0), ==, 0);
    GThread *thread = g_thread_new("powerless", remove_without_rights, &error);
    g_assert_false(GPOINTER_TO_INT(g_thread_join(thread)));
    g_assert_true(rl_error_is_errno(error, EPERM));
    keys_are(fd, "bde");
}

void
add_tests(void)
{
    lab_add("/attr/values", test_values);
    lab_add("/attr/first-value-stays", test_first_value_stays);
    lab_add("/attr/numbers", test_numbers);
    lab_add("/attr/too-long", test_too_long);
    lab_add("/attr/errors-name-the-attribute", test_errors_name_the_attribute);
    lab_add("/attr/remove-all", test_remove_all);
    lab_add("/attr/remove-in-order", test_remove_in_order);
    lab_add("/attr/remove-unlisted", test_remove_unlisted);
    lab_add("/attr/remove-without-rights", test_remove_without_rights);
    lab_add("/identity/is-given-once", test_identity_is_given_once);
    lab_add("/identity/anew", test_identity_anew);
}
