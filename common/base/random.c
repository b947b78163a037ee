/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "random.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

char *
rl_random_hex(int digits)
{
    uint64_t bits[2];
    ssize_t n;

    do
        n = getrandom(bits, sizeof(bits), 0);
    while (n < 0 && errno == EINTR);
    /* So few bytes come whole or not at all, and a kernel without them does not run us. */
    g_assert(n == sizeof(bits));
    g_autofree char *hex =
        g_strdup_printf("%016" G_GINT64_MODIFIER "x%016" G_GINT64_MODIFIER "x", bits[0], bits[1]);
    return g_strndup(hex, (gsize) digits);
}

char *
rl_random_temp(void)
{
    g_autofree char *random = NULL;

    do {
        g_free(random);
        random = rl_random_hex(6);
    } while (!strpbrk(random, "abcdef") || !strpbrk(random, "0123456789") ||
             strstr(random, "dec") || strstr(random, "feb"));
    return g_steal_pointer(&random);
}
