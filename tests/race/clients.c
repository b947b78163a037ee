/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* clients POOL CLIENTS OPERATIONS SEED: so many clients of libvirtd at once, each with a connection
 * of its own, do so many random operations in all on a few volumes of the pool. What they are
 * refused is counted; what ends a connection ends the test. */
#include <glib.h>
#include <libvirt/libvirt.h>
#include <libvirt/virterror.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define URI "qemu:///system"
#define SIZE (256 * 1024)

static const char *const names[] = {"a", "app/b", "app/deep/c", "d"};

static virConnectPtr connection;
static virStoragePoolPtr pool;
static int done, refused;

static void
be_silent(void *data, virErrorPtr error)
{
    (void) data;
    (void) error;
}

static int
pick(int n)
{
    return g_random_int_range(0, n);
}

static const char *
pick_name(void)
{
    return names[pick((int) G_N_ELEMENTS(names))];
}

/* A volume, or now and then one of its revisions; NULL where there is none. */
static virStorageVolPtr
pick_volume(void)
{
    g_autofree char *revision = g_strdup_printf("%s@%d", pick_name(), 1 + pick(20));

    return virStorageVolLookupByName(pool, pick(4) == 0 ? revision : pick_name());
}

static char *
document(const char *name)
{
    return g_strdup_printf("<volume><name>%s</name><capacity>%d</capacity></volume>", name, SIZE);
}

static bool
create(void)
{
    g_autofree char *xml = document(pick_name());
    virStorageVolPtr volume = virStorageVolCreateXML(pool, xml, 0);

    if (volume)
        virStorageVolFree(volume);
    return volume;
}

/* A clone, a named revision, or a revert; of any kind, or of one that it asks for. */
static bool
create_from(void)
{
    static const char *const forms[] = {"", "@label", "@current", "@current"};
    static const char *const kinds[] = {"", "", "@kind=direct", "@kind=persistent"};
    virStorageVolPtr source = pick_volume(), volume;
    g_autofree char *name = g_strconcat(pick_name(), forms[pick(4)], kinds[pick(4)], NULL);
    g_autofree char *xml = document(name);

    if (!source)
        return false;
    volume = virStorageVolCreateXMLFrom(pool, xml, source, 0);
    virStorageVolFree(source);
    if (volume)
        virStorageVolFree(volume);
    return volume;
}

/* Sends some pieces and holes, and finishes, or changes its mind, or is gone. */
static bool
upload(void)
{
    static char data[64 * 1024];
    virStorageVolPtr volume = pick_volume();
    virStreamPtr stream = virStreamNew(connection, 0);
    bool sent = volume && virStorageVolUpload(volume, stream, 0, 0, 0) == 0;

    for (int i = 0; sent && i < pick(4); i++) {
        memset(data, pick(256), sizeof(data));
        sent = pick(4) == 0 ? virStreamSendHole(stream, sizeof(data), 0) == 0
                            : virStreamSend(stream, data, sizeof(data)) >= 0;
    }
    if (sent && pick(4) > 0)
        sent = virStreamFinish(stream) == 0;
    else if (sent && pick(2) > 0)
        virStreamAbort(stream);
    virStreamFree(stream);
    if (volume)
        virStorageVolFree(volume);
    return sent;
}

static bool
download(void)
{
    static char data[64 * 1024];
    virStorageVolPtr volume = pick_volume();
    virStreamPtr stream = virStreamNew(connection, 0);
    bool got = volume && virStorageVolDownload(volume, stream, 0, 0, 0) == 0;
    int n = 1;

    while (got && (n = virStreamRecv(stream, data, sizeof(data))) > 0)
        ;
    got = got && n == 0 && virStreamFinish(stream) == 0;
    virStreamFree(stream);
    if (volume)
        virStorageVolFree(volume);
    return got;
}

static bool
list(void)
{
    virStorageVolPtr *volumes;
    int n = virStoragePoolListAllVolumes(pool, &volumes, 0);

    for (int i = 0; i < n; i++) {
        virStorageVolInfo info;
        free(virStorageVolGetXMLDesc(volumes[i], 0));
        virStorageVolGetInfo(volumes[i], &info);
        virStorageVolFree(volumes[i]);
    }
    if (n >= 0)
        free(volumes);
    return n >= 0;
}

static bool
refresh(void)
{
    return virStoragePoolRefresh(pool, 0) == 0;
}

static bool
with_volume(int (*function)(virStorageVolPtr))
{
    virStorageVolPtr volume = pick_volume();
    bool ok = volume && function(volume) == 0;

    if (volume)
        virStorageVolFree(volume);
    return ok;
}

static int
delete_volume(virStorageVolPtr volume)
{
    return virStorageVolDelete(volume, pick(2) ? VIR_STORAGE_VOL_DELETE_WITH_SNAPSHOTS : 0);
}

static int
resize_volume(virStorageVolPtr volume)
{
    return virStorageVolResize(volume, (unsigned long long) (1 + pick(3)) * SIZE,
                               VIR_STORAGE_VOL_RESIZE_SHRINK);
}

static int
look_at_volume(virStorageVolPtr volume)
{
    virStorageVolInfo info;
    char *xml = virStorageVolGetXMLDesc(volume, 0);

    free(xml);
    return xml && virStorageVolGetInfo(volume, &info) == 0 ? 0 : -1;
}

static bool
act(void)
{
    int what = pick(100);

    if (what < 12)
        return create();
    if (what < 32)
        return create_from();
    if (what < 50)
        return upload();
    if (what < 60)
        return download();
    if (what < 70)
        return list();
    if (what < 74)
        return refresh();
    if (what < 82)
        return with_volume(delete_volume);
    if (what < 88)
        return with_volume(resize_volume);
    return with_volume(look_at_volume);
}

/* Returns what the process is to end with. */
static int
run_client(const char *name, int operations)
{
    virSetErrorFunc(NULL, be_silent);
    connection = virConnectOpen(URI);
    pool = connection ? virStoragePoolLookupByName(connection, name) : NULL;
    if (!pool)
        return 1;
    for (int i = 0; i < operations; i++) {
        if (act())
            done++;
        else
            refused++;
        if (virConnectIsAlive(connection) != 1) {
            fprintf(stderr, "the daemon has gone\n");
            return 1;
        }
        /* A stopped pool would make all the rest void. */
        if (virStoragePoolIsActive(pool) != 1) {
            fprintf(stderr, "the pool was stopped\n");
            return 1;
        }
    }
    printf("# a client had %d operations done and %d refused\n", done, refused);
    fflush(stdout);
    virStoragePoolFree(pool);
    virConnectClose(connection);
    return done > operations / 10 ? 0 : 1;
}

int
main(int argc, char **argv)
{
    int clients = argc == 5 ? atoi(argv[2]) : 0, failed = 0, status;

    if (clients < 1)
        return 2;
    for (int i = 0; i < clients; i++) {
        fflush(NULL);
        if (fork() == 0) {
            g_random_set_seed((guint32) (atoi(argv[4]) + i));
            _exit(run_client(argv[1], atoi(argv[3]) / clients));
        }
    }
    while (wait(&status) > 0)
        failed += status != 0;
    return failed ? 1 : 0;
}
