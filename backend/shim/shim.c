/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Stands in for libvirt's own "fs" storage backend: loads that, and then the reflink module that
 * fits this libvirt.
 *
 * It has no symbol of libvirt's but the public virGetVersion(), and whatever is wrong with the
 * module costs the daemon nothing but reflink pools: an upgrade of libvirt can never keep it from
 * starting. Where there is no module, the stand-in keeps the pools from harm (stand-in.h). */
#include <dlfcn.h>
#include <libvirt/libvirt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/libvirt/module-place.h"
#include "build-id.h"
#include "elf-file.h"
#include "module-abi.h"
#include "say.h"
#include "stand-in-options.h"
#include "stand-in.h"
#include "start-line.h"
#include "trial.h"

#define STOCK_MODULE STOCK_BACKEND_DIR "/libvirt_storage_backend_fs.so"
#define REGISTER "virStorageBackendFsRegister"

/* libvirt looks it up by name. */
__attribute__((visibility("default"))) int virStorageBackendFsRegister(void);

/* Why there is no module: the first cause counts. */
typedef struct {
    char text[PATH_MAX + 512];
} Cause;

__attribute__((format(printf, 2, 3))) static void
complain(Cause *cause, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(cause->text, sizeof(cause->text), format, args);
    va_end(args);
}

static int
load_stock(void)
{
    void *stock = dlopen(STOCK_MODULE, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    int (*enter)(void) = stock ? (int (*)(void)) dlsym(stock, REGISTER) : NULL;

    if (!enter) {
        fprintf(stderr, "libvirt-reflink: cannot load libvirt's own backend: %s\n", dlerror());
        return -1;
    }
    return enter();
}

/* The directory that this file's is in, and libvirt's version as its directories of modules have
 * it. */
static int
find_top(char *top, size_t size, char *version, size_t version_size)
{
    unsigned long number;
    Dl_info self;

    if (virGetVersion(&number, NULL, NULL) < 0 ||
        !dladdr((void *) virStorageBackendFsRegister, &self))
        return -1;
    snprintf(version, version_size, "%lu.%lu.%lu", number / 1000000, number / 1000 % 1000,
             number % 1000);

    const char *slash = strrchr(self.dli_fname, '/');
    int length = slash ? (int) (slash - self.dli_fname) : 1;
    int n = snprintf(top, size, "%.*s/..", length, slash ? self.dli_fname : ".");
    return n < 0 || (size_t) n >= size ? -1 : 0;
}

static int
is_build(const char *library, const char *wanted, Cause *cause)
{
    char id[RL_BUILD_ID_MAX];

    if (!rl_build_id(library, id)) {
        complain(cause, "cannot read the build id of %s", library);
        return 0;
    }
    if (strcmp(id, wanted) != 0) {
        complain(cause, "the module was built for another build of %s (%s; this is %s): rebuild it",
                 library, wanted, id);
        return 0;
    }
    return 1;
}

/* The build-ids say for which libvirt it was made; not what the headers were that it was made with.
 */
static int
fits(const RlModule *module, const char *version, Cause *cause)
{
    char why[256];

    if (!is_build("libvirt.so.0", module->libvirt_build, cause) ||
        !is_build("libvirt_driver_storage.so", module->storage_driver_build, cause))
        return 0;
    if (rl_trial(module->prove, why, sizeof(why)))
        return 1;
    complain(cause,
             "the module does not fit libvirt %s: %s: build it with the headers of that version",
             version, why);
    return 0;
}

/* Once attached it is never unloaded: libvirt may hold pointers into it. */
static bool
attach_module(void *handle, const char *path, const char *version, Cause *cause)
{
    const RlModule *module = dlsym(handle, RL_MODULE_ENTRY);

    if (!module) {
        complain(cause, "%s is not a reflink module of this version", path);
        return false;
    }
    if (!fits(module, version, cause))
        return false;
    if (module->attach() == 0) {
        rl_start_line_say(dlsym(handle, RL_MODULE_VERSION), version);
        return true;
    }
    complain(cause, "libvirt did not accept the module");
    return false;
}

static bool
load_file(const char *path, const char *version, Cause *cause)
{
    if (!rl_elf_file_is_whole(path)) {
        complain(cause, "the module %s is not a complete ELF file", path);
        return false;
    }

    void *handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
    if (!handle) {
        complain(cause, "the module does not load: %s", dlerror());
        return false;
    }
    if (attach_module(handle, path, version, cause))
        return true;
    dlclose(handle);
    return false;
}

/* What lies below /usr is a package's. The other place is ours alone, so it is asked who else can
 * write there. */
static bool
load_from(RlModulePlace place, const char *path, const char *version, Cause *cause)
{
    char why[PATH_MAX + 256];

    if (place == RL_MODULE_STATE && !rl_module_is_trusted(path, why, sizeof(why))) {
        complain(cause, "the module %s is not loaded: %s", path, why);
        return false;
    }
    return load_file(path, version, cause);
}

/* The first that fits is taken. Where none does, the first that is there says why. */
static bool
load_module(char *version, size_t version_size, Cause *cause)
{
    char top[PATH_MAX], path[PATH_MAX];
    Cause found = {""}, missing = {""};

    if (find_top(top, sizeof(top), version, version_size) < 0) {
        complain(cause, "cannot determine where the module is");
        return false;
    }
    for (int place = 0; place < RL_MODULE_PLACES; place++) {
        Cause why = {""};
        if (!rl_module_path((RlModulePlace) place, top, version, path, sizeof(path)))
            continue;
        if (access(path, F_OK) < 0)
            complain(&why, "there is no module for libvirt %s (%s)", version, path);
        else if (load_from((RlModulePlace) place, path, version, &why))
            return true;
        else if (!found.text[0])
            found = why;
        if (!missing.text[0])
            missing = why;
    }
    *cause = found.text[0] ? found : missing;
    return false;
}

static bool
keep_options(void)
{
    char why[256];

    return rl_trial(rl_pool_options_prove, why, sizeof(why)) && !rl_pool_options_attach();
}

/* Tried in a child process first, as the module is. */
static void
stand_in(const char *version, const Cause *cause)
{
    char why[256];
    bool fits_libvirt = rl_trial(rl_stand_in_prove, why, sizeof(why));
    const char *wrong = fits_libvirt ? rl_stand_in_attach(version) : why;

    if (!wrong)
        rl_shim_say(LOG_WARNING,
                    "libvirt-reflink: %s; reflink pools are not available, except to domains that "
                    "run; all other pools are available%s",
                    cause->text,
                    keep_options() ? "" : "; do not edit reflink pools, which lose their options");
    else
        rl_shim_say(
            LOG_WARNING,
            "libvirt-reflink: %s; reflink pools are not available, and not protected, since this "
            "version of libvirt is unknown (%s): do not change anything in their directories",
            cause->text, wrong);
}

int
virStorageBackendFsRegister(void)
{
    char version[32] = "";
    Cause cause;

    if (load_stock() < 0)
        return -1;
    if (!load_module(version, sizeof(version), &cause))
        stand_in(version, &cause);
    return 0;
}
