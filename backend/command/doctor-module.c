/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <dlfcn.h>
#include <errno.h>
#include <libvirt/libvirt.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "doctor.h"
#include "elf-build-id.h"
#include "installed.h"

#define TOPIC "module"
#define SHIM "libvirt_storage_backend_fs.so"
#define MODULE "reflink.so"

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

static void
look_at_build(RlReport *report, const char *module, const Libvirt *libvirt)
{
    const char *const libraries[] = {libvirt->library, DRIVER_DIR "/libvirt_driver_storage.so"};
    g_autofree char *how = how_to_build();
    struct statvfs fs;

    for (size_t i = 0; i < G_N_ELEMENTS(libraries); i++)
        if (!is_built_for(module, libraries[i])) {
            rl_report_wrong(report, TOPIC,
                            "'%s' was built for another build of '%s', and is not loaded: %s; then "
                            "restart libvirt's daemon",
                            module, libraries[i], how);
            return;
        }
    if (statvfs(module, &fs) == 0 && (fs.f_flag & ST_NOEXEC))
        rl_report_wrong(report, TOPIC,
                        "'%s' is on a file system that is mounted with the option noexec, and "
                        "cannot be loaded: mount it without",
                        module);
    else
        rl_report_ok(report, TOPIC, "'%s' is for libvirt %s", module, libvirt->version);
}

void
rl_doctor_module(RlReport *report)
{
    g_autofree char *backends = rl_installed_backends();
    g_autofree char *shim = g_build_filename(backends, SHIM, NULL);
    g_autofree char *how = how_to_build();
    g_auto(Libvirt) libvirt = {0};

    if (!find_libvirt(&libvirt)) {
        rl_report_wrong(report, TOPIC, "the library libvirt.so.0 is not there: install libvirt");
        return;
    }
    if (access(shim, R_OK) < 0) {
        rl_report_wrong(report, TOPIC, "'%s' cannot be read: %s: install libvirt-reflink again",
                        shim, g_strerror(errno));
        return;
    }
    g_autofree char *top = g_path_get_dirname(backends);
    g_autofree char *module = g_build_filename(top, libvirt.version, MODULE, NULL);
    if (access(module, R_OK) == 0)
        look_at_build(report, module, &libvirt);
    else
        rl_report_wrong(report, TOPIC,
                        "there is no module for libvirt %s: '%s': %s: %s; then restart libvirt's "
                        "daemon",
                        libvirt.version, module, g_strerror(errno), how);
}
