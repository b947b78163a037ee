/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "image-domain.h"

#include <string.h>

#include "common/base/boot.h"
#include "common/fs/xattr.h"

/* The attribute is "BOOT USER", where USER is a domain's UUID or one of these. */
#define NONE "-"
#define SEVERAL "*"

static bool
set(int fd, const char *boot, const char *user, GError **error)
{
    g_autofree char *text = g_strdup_printf("%s %s", boot, user);

    return rl_xattr_set(fd, RL_ATTR_USED_BY, text, error);
}

/* Who has had the image in the boot @boot; NULL where no domain is noted for that boot. Points into
 * @text. */
static const char *
user_in(const char *text, const char *boot)
{
    size_t length = strlen(boot);

    return text && strncmp(text, boot, length) == 0 && text[length] == ' ' ? text + length + 1
                                                                           : NULL;
}

static const char *
user_of(const RlDomainRef *owner)
{
    return strcmp(owner->driver, RL_OWNER_BY_HAND) == 0 ? SEVERAL : owner->uuid;
}

bool
rl_image_domain_set(int fd, const RlDomainRef *owner, GError **error)
{
    g_autofree char *boot = rl_boot_id(error);

    return boot && set(fd, boot, user_of(owner), error);
}

bool
rl_image_domain_add(int fd, const RlDomainRef *owner, GError **error)
{
    g_autofree char *text = NULL, *boot = rl_boot_id(error);
    const char *user = user_of(owner);

    if (!boot || !rl_xattr_get(fd, RL_ATTR_USED_BY, &text, error))
        return false;
    const char *before = user_in(text, boot);
    bool others = before && strcmp(before, NONE) != 0 && strcmp(before, user) != 0;
    return set(fd, boot, others ? SEVERAL : user, error);
}

bool
rl_image_domain_set_none(int fd, GError **error)
{
    g_autofree char *boot = rl_boot_id(error);

    return boot && set(fd, boot, NONE, error);
}

bool
rl_image_domain_is_other(int fd, const RlDomainRef *owner, bool unknown)
{
    g_autofree char *text = NULL, *boot = rl_boot_id(NULL);

    if (!boot || !rl_xattr_get(fd, RL_ATTR_USED_BY, &text, NULL))
        return true;
    if (!text)
        return unknown;
    const char *user = user_in(text, boot);
    if (!user || strcmp(user, NONE) == 0)
        return false;
    return strcmp(user, SEVERAL) == 0 || (owner && strcmp(user, owner->uuid) != 0);
}

bool
rl_image_domain_is_any(int fd)
{
    g_autofree char *text = NULL;

    return !rl_xattr_get(fd, RL_ATTR_USED_BY, &text, NULL) ||
           (text && !g_str_has_suffix(text, " " NONE));
}
