/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "backend/cli/processes.h"
#include "common/base/autofd.h"
#include "common/fs/dirfd.h"
#include "common/pool/pool.h"
#include "doctor.h"
#include "xml/pool-definition.h"

#define TOPIC "session"
/* Below a user's home (virGetUserConfigDirectory() in src/util/virutil.c). */
#define POOLS ".config/libvirt/storage"

/* A daemon without the module drops our options when it writes a definition; then its directory may
 * tell. */
static bool
is_reflink(int dir, const char *file)
{
    size_t length;
    g_autofree char *text = rl_dirfd_read_file(dir, file, RL_POOL_SIZE_MAX, &length, NULL);
    g_autoptr(RlPoolDefinition) pool =
        text ? rl_xml_pool_definition_parse(text, length, file, NULL) : NULL;

    return pool && (pool->options || (pool->path && rl_pool_has_marker(pool->path)));
}

/* The files are the user's, so no link in them is followed. */
static guint
look_at_pools(RlReport *report, const struct passwd *user)
{
    rl_autofd int home = open(user->pw_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    rl_autofd int dir = home < 0 ? -1 : rl_dirfd_open(home, POOLS, NULL);
    g_autofree char *path = g_strdup_printf("/proc/self/fd/%d", dir);
    g_autoptr(GDir) entries = dir < 0 ? NULL : g_dir_open(path, 0, NULL);
    const char *file;
    guint found = 0;

    while (entries && (file = g_dir_read_name(entries)))
        if (g_str_has_suffix(file, ".xml") && is_reflink(dir, file)) {
            found++;
            rl_report_wrong(report, TOPIC,
                            "user %s has defined the reflink pool '%.*s' in qemu:///session, which "
                            "has no reflink pools: type 'virsh -c " RL_SYSTEM_URI
                            " pool-define FILE'",
                            user->pw_name, (int) (strlen(file) - strlen(".xml")), file);
        }
    return found;
}

static void
look_at_user(RlReport *report, uid_t uid, const char *daemon)
{
    const struct passwd *user = getpwuid(uid);

    if (user && look_at_pools(report, user) > 0)
        return;
    if (daemon)
        rl_report_ok(report, TOPIC,
                     "user %s runs %s (qemu:///session), which has no reflink pools: they are in "
                     "'virsh -c " RL_SYSTEM_URI "'",
                     user ? user->pw_name : "?", daemon);
    else
        rl_report_ok(report, TOPIC, "no user runs a session daemon of libvirt (qemu:///session)");
}

/* Who typed the command: a session daemon ends when its last client has left. */
static uid_t
person(void)
{
    const char *text = geteuid() == 0 ? g_getenv("SUDO_UID") : NULL;
    guint64 uid;

    return text && g_ascii_string_to_unsigned(text, 10, 0, G_MAXUINT32 - 1, &uid, NULL)
               ? (uid_t) uid
               : getuid();
}

void
rl_doctor_session(RlReport *report)
{
    static const char *const names[] = {"libvirtd", "virtqemud", "virtstoraged", NULL};
    g_autoptr(GPtrArray) processes = rl_processes_find(names);
    g_autoptr(GHashTable) users = g_hash_table_new(NULL, NULL);

    for (guint i = 0; i < processes->len; i++) {
        const RlProcess *process = g_ptr_array_index(processes, i);
        /* A user may have several of them. */
        if (process->uid != 0 && g_hash_table_add(users, GUINT_TO_POINTER(process->uid)))
            look_at_user(report, process->uid, process->name);
    }
    if (g_hash_table_size(users) == 0)
        look_at_user(report, person(), NULL);
}
