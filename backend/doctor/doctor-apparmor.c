/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "doctor.h"

#define TOPIC "AppArmor"
#define ENABLED "/sys/module/apparmor/parameters/enabled"
#define LOADED "/sys/kernel/security/apparmor/profiles"
#define PROFILE "/etc/apparmor.d/usr.sbin.libvirtd"
#define ADDITIONS "/etc/apparmor.d/local/usr.sbin.libvirtd"
/* The package adds the first, which names the second. By hand the rules are added themselves. */
#define INCLUDED "<abstractions/libvirt-reflink>"
#define ABSTRACTION "/etc/apparmor.d/abstractions/libvirt-reflink"
#define OWN_RULE "capability lease,"

static bool
file_has(const char *path, const char *text)
{
    g_autofree char *contents = NULL;

    return g_file_get_contents(path, &contents, NULL, NULL) && strstr(contents, text);
}

static bool
has_rules(void)
{
    return file_has(ADDITIONS, OWN_RULE) ||
           (file_has(ADDITIONS, INCLUDED) && file_has(ABSTRACTION, OWN_RULE));
}

void
rl_doctor_apparmor(RlReport *report)
{
    if (!file_has(ENABLED, "Y")) {
        rl_report_ok(report, TOPIC, "the kernel does not use it");
        return;
    }
    if (rl_report_needs_root(report, TOPIC))
        return;
    if (!file_has(LOADED, "libvirtd ("))
        rl_report_ok(report, TOPIC, "no profile confines libvirt's daemon");
    else if (!has_rules())
        rl_report_wrong(report, TOPIC,
                        "the profile of libvirtd lacks the rules of libvirt-reflink: append %s to "
                        "'%s', and type 'apparmor_parser -r %s'",
                        g_file_test(ABSTRACTION, G_FILE_TEST_EXISTS)
                            ? "the line 'include if exists " INCLUDED "'"
                            : "the file packaging/apparmor/usr.sbin.libvirtd of its source",
                        ADDITIONS, PROFILE);
    else
        rl_report_ok(report, TOPIC, "'%s' has the rules", ADDITIONS);
}
