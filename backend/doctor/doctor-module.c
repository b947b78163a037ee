/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "backend/cli/installed.h"
#include "backend/libvirt/module-place.h"
#include "doctor.h"
#include "elf-build-id.h"

#define TOPIC "module"
#define STORAGE_DRIVER DRIVER_DIR "/libvirt_driver_storage.so"
#define SHIM "libvirt_storage_backend_fs.so"
#define SELINUX_ENFORCES "/sys/fs/selinux/enforce"

/* The libvirt that is installed, which a daemon loads when it is started. */
typedef struct {
    char *version; /* "9.0.0" */
    char *library; /* the path of libvirt.so.0 */
} Libvirt;

static void
libvirt_clear(Libvirt *libvirt)
{
    g_free(libvirt->version);
    g_free(libvirt->library);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(Libvirt, libvirt_clear)

static bool
find_libvirt(Libvirt *libvirt)
{
    void *handle = dlopen("libvirt.so.0", RTLD_LAZY | RTLD_LOCAL);
    __typeof__(&virGetVersion) get_version = handle ? dlsym(handle, "virGetVersion") : NULL;
    unsigned long number;
    Dl_info info;

    if (!get_version || get_version(&number, NULL, NULL) < 0 ||
        !dladdr((void *) get_version, &info))
        return false;
    libvirt->version =
        g_strdup_printf("%lu.%lu.%lu", number / 1000000, number / 1000 % 1000, number % 1000);
    libvirt->library = g_strdup(info.dli_fname);
    return true;
}

/* What makes a module for the libvirt that is there, owned by the caller. */
static char *
how_to_build(void)
{
    const char *builder = rl_installed_builder();

    return builder ? g_strdup_printf("type '%s', see /var/lib/libvirt-reflink/build.log", builder)
                   : g_strdup("build and install libvirt-reflink for this libvirt");
}

/* The module has the build-ids that it was built for as texts (backend/build-ids.h.in). */
static bool
is_built_for(const char *module, const char *library)
{
    g_autoptr(GMappedFile) file = g_mapped_file_new(module, FALSE, NULL);
    g_autofree char *id = rl_elf_build_id(library);

    return file && id &&
           memmem(g_mapped_file_get_contents(file), g_mapped_file_get_length(file), id, strlen(id));
}

/* The library that the module was not built for; NULL if it fits. */
static const char *
find_other_build(const char *module, const Libvirt *libvirt)
{
    if (!is_built_for(module, libvirt->library))
        return libvirt->library;
    return is_built_for(module, STORAGE_DRIVER) ? NULL : STORAGE_DRIVER;
}

/* The label that SELinux has for the file, owned by the caller. NULL where there is none. */
static char *
selinux_label(const char *path)
{
    char label[256];
    ssize_t length = getxattr(path, "security.selinux", label, sizeof(label));

    return length > 0 ? g_strndup(label, (gsize) length) : NULL;
}

/* user:role:type:level. What domains may do with a file is a matter of its type. */
static gboolean
has_same_type(const char *label, const char *other)
{
    g_auto(GStrv) a = g_strsplit(label, ":", 4);
    g_auto(GStrv) b = g_strsplit(other, ":", 4);

    return g_strv_length(a) < 3 || g_strv_length(b) < 3 || strcmp(a[2], b[2]) == 0;
}

/* The daemon maps libvirt's library as code, so it can do that with all files of its type. */
static gboolean
look_at_selinux(RlReport *report, const char *module, const Libvirt *libvirt)
{
    g_autofree char *enforces = NULL;
    g_autofree char *label = selinux_label(module);
    g_autofree char *wanted = selinux_label(libvirt->library);

    if (!g_file_get_contents(SELINUX_ENFORCES, &enforces, NULL, NULL) || enforces[0] != '1' ||
        !label || !wanted || has_same_type(label, wanted))
        return TRUE;
    rl_report_wrong(
        report, TOPIC,
        "SELinux may keep the daemon from loading '%s', whose label '%s' differs from that "
        "of '%s': type 'chcon --reference=%s %s'; then restart libvirt's daemon",
        module, label, libvirt->library, libvirt->library, module);
    return FALSE;
}

static void
look_at_file(RlReport *report, RlModulePlace place, const char *module, const Libvirt *libvirt)
{
    const char *other = find_other_build(module, libvirt);
    char why[2 * PATH_MAX];
    struct statvfs fs;

    if (other) {
        g_autofree char *how = how_to_build();
        rl_report_wrong(report, TOPIC,
                        "'%s' was built for another build of '%s', and is not loaded: %s; then "
                        "restart libvirt's daemon",
                        module, other, how);
    } else if (place == RL_MODULE_STATE && !rl_module_is_trusted(module, why, sizeof(why)))
        rl_report_wrong(report, TOPIC, "'%s' is not loaded: %s; then restart libvirt's daemon",
                        module, why);
    else if (statvfs(module, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
        rl_report_wrong(report, TOPIC,
                        "'%s' is on a file system that is mounted with the option noexec, and "
                        "cannot be loaded: mount it without that option",
                        module);
    else if (look_at_selinux(report, module, libvirt))
        rl_report_ok(report, TOPIC, "'%s' is for libvirt %s", module, libvirt->version);
}

/* The one that the shim loads: the first that is for this libvirt. Else the first that is there,
 * owned by the caller; NULL where there is none. */
static char *
choose_file(const char *top, const Libvirt *libvirt, RlModulePlace *ret_place)
{
    g_autofree char *first = NULL;
    char path[PATH_MAX];

    for (int place = 0; place < RL_MODULE_PLACES; place++) {
        if (!rl_module_path((RlModulePlace) place, top, libvirt->version, path, sizeof(path)) ||
            access(path, R_OK) < 0)
            continue;
        bool fits = !find_other_build(path, libvirt);
        if (fits || !first)
            *ret_place = (RlModulePlace) place;
        if (fits)
            return g_strdup(path);
        if (!first)
            first = g_strdup(path);
    }
    return g_steal_pointer(&first);
}

static void
report_missing(RlReport *report, const char *top, const Libvirt *libvirt)
{
    g_autofree char *how = how_to_build();
    g_autofree char *path = g_build_filename(top, libvirt->version, RL_MODULE_FILE, NULL);
    int code = access(path, R_OK) < 0 ? errno : 0;

    rl_report_wrong(report, TOPIC,
                    "there is no module for libvirt %s: '%s': %s: %s; then restart libvirt's "
                    "daemon",
                    libvirt->version, path, g_strerror(code), how);
}

void
rl_doctor_module(RlReport *report)
{
    g_autofree char *backends = rl_installed_backends();
    g_autofree char *shim = g_build_filename(backends, SHIM, NULL);
    g_autofree char *top = g_path_get_dirname(backends);
    g_auto(Libvirt) libvirt = {0};
    RlModulePlace place = RL_MODULE_BESIDE;

    if (!find_libvirt(&libvirt)) {
        rl_report_wrong(report, TOPIC, "the library libvirt.so.0 is not there: install libvirt");
        return;
    }
    if (access(shim, R_OK) < 0) {
        rl_report_wrong(report, TOPIC, "'%s' cannot be read: %s: install libvirt-reflink again",
                        shim, g_strerror(errno));
        return;
    }
    g_autofree char *module = choose_file(top, &libvirt, &place);
    if (module)
        look_at_file(report, place, module, &libvirt);
    else
        report_missing(report, top, &libvirt);
}
