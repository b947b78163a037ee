/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What virsh cannot do with libvirt's storage API, or does not show: see api.sh, which makes the
 * pool "qubes" with the volumes "web" (1 MiB of 'a'), "web@1" and "web@named", and the empty
 * "spare". */
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdio.h>
#include <string.h>

#define MIB (1024 * 1024ULL)

static virConnectPtr conn;
static virStoragePoolPtr pool;

static void
keep_quiet(void *opaque, virErrorPtr error)
{
    (void) opaque;
    (void) error;
}

/* The last call failed with that code, and with that in its message. */
static void
assert_error(int code, const char *text)
{
    virErrorPtr error = virGetLastError();

    g_assert_nonnull(error);
    if (error->code != code || !strstr(error->message, text))
        g_error("not error %d with '%s', but %d: %s", code, text, error->code, error->message);
    virResetLastError();
}

static virStorageVolPtr
lookup(const char *name)
{
    virStorageVolPtr vol = virStorageVolLookupByName(pool, name);

    g_assert_nonnull(vol);
    return vol;
}

static void
free_names(char **names, int n)
{
    for (int i = 0; i < n; i++)
        free(names[i]);
}

static void
test_lists(void)
{
    char *names[16];
    virStorageVolPtr *vols;
    virStoragePoolPtr *pools;
    int n;

    g_assert_cmpint(virStoragePoolNumOfVolumes(pool), ==, 4);
    n = virStoragePoolListVolumes(pool, names, 16);
    g_assert_cmpint(n, ==, 4);
    free_names(names, n);
    g_assert_cmpint(virStoragePoolListVolumes(pool, names, 1), ==, 1);
    free_names(names, 1);
    n = virStoragePoolListAllVolumes(pool, &vols, 0);
    g_assert_cmpint(n, ==, 4);
    for (int i = 0; i < n; i++)
        virStorageVolFree(vols[i]);
    free(vols);

    g_assert_cmpint(virConnectNumOfStoragePools(conn), ==, 1);
    n = virConnectListStoragePools(conn, names, 16);
    g_assert_cmpint(n, ==, 1);
    g_assert_cmpstr(names[0], ==, "qubes");
    free_names(names, n);
    g_assert_cmpint(virConnectNumOfDefinedStoragePools(conn), ==, 0);
    g_assert_cmpint(virConnectListDefinedStoragePools(conn, names, 16), ==, 0);
    n = virConnectListAllStoragePools(conn, &pools, VIR_CONNECT_LIST_STORAGE_POOLS_DIR);
    g_assert_cmpint(n, ==, 1);
    virStoragePoolFree(pools[0]);
    free(pools);
}

static void
test_lookups(void)
{
    char uuid[VIR_UUID_STRING_BUFLEN];
    unsigned char raw[VIR_UUID_BUFLEN];
    virStorageVolPtr web = lookup("web");
    g_autofree char *path = virStorageVolGetPath(web);
    g_autofree char *root = g_strndup(path, strstr(path, "/volumes/") - path);
    virStoragePoolPtr found[4];

    g_assert_cmpint(virStoragePoolGetUUIDString(pool, uuid), ==, 0);
    g_assert_cmpint(virStoragePoolGetUUID(pool, raw), ==, 0);
    found[0] = virStoragePoolLookupByUUIDString(conn, uuid);
    found[1] = virStoragePoolLookupByUUID(conn, raw);
    found[2] = virStoragePoolLookupByVolume(web);
    found[3] = virStoragePoolLookupByTargetPath(conn, root);
    for (int i = 0; i < 4; i++) {
        g_assert_nonnull(found[i]);
        g_assert_cmpstr(virStoragePoolGetName(found[i]), ==, "qubes");
        g_assert_true(virStoragePoolGetConnect(found[i]) == conn);
        virStoragePoolFree(found[i]);
    }

    virStorageVolPtr by_key = virStorageVolLookupByKey(conn, virStorageVolGetKey(web));
    g_assert_cmpstr(virStorageVolGetName(by_key), ==, "web");
    g_assert_true(virStorageVolGetConnect(by_key) == conn);
    g_assert_cmpint(virStorageVolRef(by_key), ==, 0);
    virStorageVolFree(by_key);
    virStorageVolFree(by_key);
    g_assert_null(virStorageVolLookupByName(pool, "nobody"));
    assert_error(VIR_ERR_NO_STORAGE_VOL, "nobody");
    g_assert_null(virStorageVolLookupByPath(conn, "/nowhere"));
    assert_error(VIR_ERR_NO_STORAGE_VOL, "/nowhere");
    virStorageVolFree(web);
}

static void
test_sizes(void)
{
    virStorageVolPtr spare = lookup("spare");
    virStorageVolInfo info;
    virStoragePoolInfo pool_info;

    g_assert_cmpint(virStorageVolGetInfo(spare, &info), ==, 0);
    g_assert_cmpint(info.type, ==, VIR_STORAGE_VOL_FILE);
    g_assert_cmpuint(info.capacity, ==, MIB);
    g_assert_cmpuint(info.allocation, <=, 4096);
    g_assert_cmpint(virStorageVolGetInfoFlags(spare, &info, VIR_STORAGE_VOL_GET_PHYSICAL), ==, 0);
    g_assert_cmpuint(info.allocation, ==, MIB);
    g_assert_cmpint(virStoragePoolGetInfo(pool, &pool_info), ==, 0);
    g_assert_cmpint(pool_info.state, ==, VIR_STORAGE_POOL_RUNNING);
    g_assert_cmpuint(pool_info.capacity, ==, pool_info.allocation + pool_info.available);
    g_assert_cmpint(virStoragePoolIsActive(pool), ==, 1);
    g_assert_cmpint(virStoragePoolIsPersistent(pool), ==, 1);
    virStorageVolFree(spare);
}

static void
test_flags(void)
{
    const char *xml = "<volume><name>new</name><capacity>1</capacity></volume>";
    virStorageVolPtr spare = lookup("spare");

    g_assert_null(virStorageVolCreateXML(pool, xml, VIR_STORAGE_VOL_CREATE_REFLINK));
    assert_error(VIR_ERR_INVALID_ARG, "unsupported flags");
    g_assert_null(virStorageVolCreateXML(pool, xml, VIR_STORAGE_VOL_CREATE_PREALLOC_METADATA));
    assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "metadata cannot be preallocated");
    g_assert_cmpint(virStorageVolDelete(spare, VIR_STORAGE_VOL_DELETE_ZEROED), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "unsupported flags");
    g_assert_cmpint(virStorageVolWipe(spare, 0), <, 0);
    assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "cannot be wiped");
    g_assert_cmpint(virStorageVolWipePattern(spare, VIR_STORAGE_VOL_WIPE_ALG_TRIM, 0), <, 0);
    assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "cannot be wiped");
    g_assert_null(virConnectFindStoragePoolSources(conn, "dir", NULL, 0));
    assert_error(VIR_ERR_NO_SUPPORT, "source discovery");
    g_autofree char *capabilities = virConnectGetStoragePoolCapabilities(conn, 0);
    g_assert_nonnull(strstr(capabilities, "<pool type='dir' supported='yes'>"));
    virStorageVolFree(spare);
}

static void
test_pool_flags(void)
{
    g_assert_cmpint(virStoragePoolDestroy(pool), ==, 0);
    for (unsigned int flag = VIR_STORAGE_POOL_BUILD_REPAIR;
         flag <= VIR_STORAGE_POOL_BUILD_OVERWRITE; flag <<= 1) {
        g_assert_cmpint(virStoragePoolBuild(pool, flag), <, 0);
        assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "neither formatted nor overwritten");
    }
    g_assert_cmpint(virStoragePoolCreate(pool, VIR_STORAGE_POOL_CREATE_WITH_BUILD_OVERWRITE), <, 0);
    assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "neither formatted nor overwritten");
    g_assert_cmpint(virStoragePoolDelete(pool, VIR_STORAGE_POOL_DELETE_ZEROED), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "unsupported flags");
    g_assert_cmpint(virStoragePoolCreate(pool, VIR_STORAGE_POOL_CREATE_WITH_BUILD), ==, 0);
}

/* --- streams */

static virStreamPtr
upload(const char *name, unsigned int flags)
{
    virStorageVolPtr vol = lookup(name);
    virStreamPtr stream = virStreamNew(conn, 0);

    g_assert_cmpint(virStorageVolUpload(vol, stream, 0, 0, flags), ==, 0);
    virStorageVolFree(vol);
    return stream;
}

/* Sends @size bytes @byte; -1 as soon as the stream says so. */
static int
send_bytes(virStreamPtr stream, char byte, size_t size)
{
    g_autofree char *data = g_malloc(65536);

    memset(data, byte, 65536);
    while (size > 0) {
        int n = virStreamSend(stream, data, MIN(size, 65536));
        if (n < 0)
            return -1;
        size -= (size_t) n;
    }
    return 0;
}

/* What the volume begins with, and how many bytes of it are holes. */
static char
first_byte(const char *name, long long *ret_holes)
{
    virStorageVolPtr vol = lookup(name);
    virStreamPtr stream = virStreamNew(conn, 0);
    g_autofree char *data = g_malloc(65536);
    char first = 0;
    long long hole = 0, at = 0;
    int n;

    *ret_holes = 0;
    g_assert_cmpint(
        virStorageVolDownload(vol, stream, 0, 0, VIR_STORAGE_VOL_DOWNLOAD_SPARSE_STREAM), ==, 0);
    while ((n = virStreamRecvFlags(stream, data, 65536, VIR_STREAM_RECV_STOP_AT_HOLE)) != 0) {
        if (n == -3) {
            g_assert_cmpint(virStreamRecvHole(stream, &hole, 0), ==, 0);
            *ret_holes += hole;
            at += hole;
            continue;
        }
        g_assert_cmpint(n, >, 0);
        first = at == 0 ? data[0] : first;
        at += n;
    }
    g_assert_cmpint(at, ==, MIB);
    g_assert_cmpint(virStreamFinish(stream), ==, 0);
    virStreamFree(stream);
    virStorageVolFree(vol);
    return first;
}

static void
assert_unchanged(void)
{
    long long holes;

    g_assert_cmpint(first_byte("web", &holes), ==, 'a');
    g_assert_cmpint(holes, ==, 0);
}

static void
test_upload_errors(void)
{
    virStreamPtr stream = upload("web", 0);

    g_assert_cmpint(send_bytes(stream, 'b', 4096), ==, 0);
    g_assert_cmpint(virStreamAbort(stream), ==, 0);
    virStreamFree(stream);
    assert_unchanged();

    /* Without an end. */
    stream = upload("web", 0);
    g_assert_cmpint(send_bytes(stream, 'b', MIB), ==, 0);
    virStreamFree(stream);

    stream = upload("web", 0);
    if (send_bytes(stream, 'b', MIB + 1) == 0)
        g_assert_cmpint(virStreamFinish(stream), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "exceeds the requested range");
    virStreamFree(stream);
    assert_unchanged();

    stream = virStreamNew(conn, 0);
    virStorageVolPtr vol = lookup("web@named");
    g_assert_cmpint(virStorageVolUpload(vol, stream, 0, 0, 0), <, 0);
    assert_error(VIR_ERR_OPERATION_UNSUPPORTED, "read-only");
    g_assert_cmpint(virStorageVolUpload(vol, stream, 0, 0, 1U << 7), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "unsupported flags");
    virStorageVolFree(vol);
    virStreamFree(stream);
}

/* A hole that fails is not answered well by libvirt: the finish must tell. */
static void
test_holes(void)
{
    virStreamPtr stream = upload("web", VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM);
    long long holes;

    g_assert_cmpint(virStreamSendHole(stream, MIB + 1, 0), ==, 0);
    g_assert_cmpint(virStreamFinish(stream), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "exceeds the requested range");
    virStreamFree(stream);

    stream = upload("web", VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM);
    g_assert_cmpint(virStreamSendHole(stream, MIB / 2, 0), ==, 0);
    g_assert_cmpint(virStreamSendHole(stream, MIB, 0), ==, 0);
    if (send_bytes(stream, 'b', 4096) == 0)
        g_assert_cmpint(virStreamFinish(stream), <, 0);
    assert_error(VIR_ERR_INVALID_ARG, "exceeds the requested range");
    virStreamFree(stream);
    assert_unchanged();

    stream = upload("spare", VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM);
    for (int i = 0; i < 4; i++) {
        g_assert_cmpint(send_bytes(stream, 'c', MIB / 8), ==, 0);
        g_assert_cmpint(virStreamSendHole(stream, MIB / 8, 0), ==, 0);
    }
    g_assert_cmpint(virStreamFinish(stream), ==, 0);
    virStreamFree(stream);
    g_assert_cmpint(first_byte("spare", &holes), ==, 'c');
    g_assert_cmpint(holes, ==, MIB / 2);
}

/* Whoever closes his connection in the middle has aborted. */
static void
test_lost_connection(void)
{
    virConnectPtr usual_conn = conn;
    virStoragePoolPtr usual_pool = pool;

    conn = virConnectOpen("qemu:///system");
    pool = virStoragePoolLookupByName(conn, "qubes");
    virStreamPtr stream = upload("web", 0);
    g_assert_cmpint(send_bytes(stream, 'b', MIB / 2), ==, 0);
    virStreamFree(stream);
    virStoragePoolFree(pool);
    virConnectClose(conn);
    conn = usual_conn;
    pool = usual_pool;
    assert_unchanged();
}

static void
no_event(virConnectPtr connection, virStoragePoolPtr subject, void *opaque)
{
    (void) connection;
    (void) subject;
    (void) opaque;
}

static void
test_events(void)
{
    int id = virConnectStoragePoolEventRegisterAny(conn, pool, VIR_STORAGE_POOL_EVENT_ID_REFRESH,
                                                   no_event, NULL, NULL);

    g_assert_cmpint(id, >=, 0);
    g_assert_cmpint(virStoragePoolRefresh(pool, 0), ==, 0);
    g_assert_cmpint(virConnectStoragePoolEventDeregisterAny(conn, id), ==, 0);
}

int
main(void)
{
    static const struct {
        const char *sentence;
        void (*run)(void);
    } tests[] = {
        {"lists and numbers agree", test_lists},
        {"pools and volumes are found in every way", test_lookups},
        {"sizes are as documented", test_sizes},
        {"flags that mean nothing here are refused", test_flags},
        {"so are a pool's", test_pool_flags},
        {"an upload that is aborted, dropped or too long changes nothing", test_upload_errors},
        {"holes arrive, and those that cannot be are told of", test_holes},
        {"a lost connection aborts", test_lost_connection},
        {"events can be asked for", test_events},
    };

    setbuf(stdout, NULL);
    virSetErrorFunc(NULL, keep_quiet);
    virEventRegisterDefaultImpl();
    conn = virConnectOpen("qemu:///system");
    pool = conn ? virStoragePoolLookupByName(conn, "qubes") : NULL;
    g_assert_nonnull(pool);
    for (size_t i = 0; i < G_N_ELEMENTS(tests); i++) {
        tests[i].run();
        printf("# %s\n", tests[i].sentence);
    }
    virStoragePoolFree(pool);
    virConnectClose(conn);
    return 0;
}
