/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "map-digest.h"

/* Multipliers with bits all over them (those of MurmurHash3): places are no one's choice, so this
 * need not withstand more than chance. */
static uint64_t
mix(uint64_t sum, uint64_t value)
{
    sum = (sum ^ value) * UINT64_C(0xff51afd7ed558ccd);
    sum = (sum ^ sum >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return sum ^ sum >> 33;
}

static void
end_run(RlMapDigest *digest)
{
    const uint64_t run[] = {digest->start, digest->end, digest->physical};

    if (digest->end == digest->start)
        return;
    for (size_t i = 0; i < G_N_ELEMENTS(run); i++) {
        digest->sums[0] = mix(digest->sums[0], run[i]);
        digest->sums[1] = mix(digest->sums[1] + 1, run[i]);
    }
    digest->start = digest->end;
}

static void
add_run(RlMapDigest *digest, uint64_t start, uint64_t end, uint64_t physical)
{
    bool goes_on = digest->end > digest->start && digest->end == start &&
                   digest->physical + (start - digest->start) == physical;

    if (!goes_on) {
        end_run(digest);
        digest->start = start;
        digest->physical = physical;
    }
    digest->end = end;
}

void
rl_map_digest_add(RlMapDigest *digest, const RlExtentMap *map, uint64_t start, uint64_t end)
{
    for (uint32_t i = 0; i < rl_extent_map_count(map); i++) {
        const struct fiemap_extent *extent = rl_extent_map_get(map, i);
        uint64_t from = MAX(start, extent->fe_logical), to = MIN(end, rl_extent_end(extent));
        if (from >= to)
            continue;
        digest->doubtful |= !rl_extent_is_plain(extent);
        digest->unshared |= !(extent->fe_flags & FIEMAP_EXTENT_SHARED);
        add_run(digest, from, to, extent->fe_physical + (from - extent->fe_logical));
    }
}

bool
rl_map_digest_read(RlMapDigest *digest, int fd, uint64_t length, GError **error)
{
    g_autofree RlExtentMap *map = g_new(RlExtentMap, 1);

    for (uint64_t start = 0, end; start < length; start = end) {
        end = length;
        if (!rl_extent_map_read_places(fd, start, &end, map, error))
            return false;
        rl_map_digest_add(digest, map, start, end);
    }
    return true;
}

bool
rl_map_digest_is_same(RlMapDigest *a, RlMapDigest *b)
{
    end_run(a);
    end_run(b);
    return !a->doubtful && !b->doubtful && a->sums[0] == b->sums[0] && a->sums[1] == b->sums[1];
}
