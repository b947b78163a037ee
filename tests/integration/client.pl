# SPDX-License-Identifier: LGPL-2.1-or-later
# What clients.sh does with libvirt's Perl binding: the pool "qubes" is there.
use strict;
use warnings;
use Sys::Virt;

my $MIB = 1024 * 1024;
my $conn = Sys::Virt->new(uri => "qemu:///system");
my $pool = $conn->get_storage_pool_by_name("qubes");

sub xml
{
    return "<volume><name>$_[0]</name><capacity>$_[1]</capacity></volume>";
}

sub check
{
    my ($true, $what) = @_;
    die "FAILED: $what\n" unless $true;
}

sub upload
{
    my ($vol, $data) = @_;
    my $stream = $conn->new_stream();
    $vol->upload($stream, 0, length $data);
    while (length $data) {
        my $sent = $stream->send($data, 65536 < length $data ? 65536 : length $data);
        substr($data, 0, $sent) = "";
    }
    $stream->finish();
}

sub download
{
    my ($vol) = @_;
    my $stream = $conn->new_stream();
    my $data = "";
    $vol->download($stream, 0, 0);
    while ($stream->recv(my $chunk, 65536) > 0) {
        $data .= $chunk;
    }
    $stream->finish();
    return $data;
}

my $vol = $pool->create_volume(xml("perl/disk", $MIB));
check($vol->get_path() =~ m{/perl/disk-dirty\.img$}, "the path");
upload($vol, "p" x $MIB);
check(download($vol) eq "p" x $MIB, "upload and download");
my $clone = $pool->clone_volume(xml("perl/clone", $MIB), $vol);
check(download($clone) eq "p" x $MIB, "a clone");
my $label = $pool->clone_volume(xml("perl/disk\@named", 0), $vol);
check($label->get_name() eq "perl/disk\@named", "a named revision");
check($conn->get_storage_volume_by_path($label->get_path())->get_name() eq $label->get_name(),
    "a lookup");
$clone->resize(2 * $MIB);
check($clone->get_info()->{capacity} == 2 * $MIB, "a resize");
eval { $vol->delete() };
check($@ && $@->message =~ /named revisions: perl\/disk\@named/, "a deletion is refused");
$vol->delete(Sys::Virt::StorageVol::DELETE_WITH_SNAPSHOTS);
$clone->delete();
check(!grep({ $_->get_name() =~ /^perl/ } $pool->list_all_volumes()), "deletions");
