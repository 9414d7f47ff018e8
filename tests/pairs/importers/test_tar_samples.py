"""Walking tars: grouping, strangers in the tar, and tears at every place."""

from __future__ import annotations

import io
import tarfile

import pytest

from pairsmith.errors import InputError
from pairsmith.pairs.importers.tar_samples import read_member, tar_samples
from tests.pairs.importers.samples import write_tar

KINDS = frozenset(("jpg", "txt"))
MEMBERS = [
    (f"{key}.{kind}", f"{key} {kind}".encode() * size) for key, size in (("a", 1), ("b", 90), ("c", 40))
    for kind in ("jpg", "txt")
]  # fmt: skip


def contents(path, samples):
    return [
        (found.key, {kind: read_member(path, *place) for kind, place in found.members.items()}) for found in samples
    ]


def until_the_tear(path):
    """The samples before the error, and the error or None."""
    found = []
    try:
        for one in tar_samples(path, KINDS):
            found.append(one)
    except InputError as error:
        return contents(path, found), str(error)
    return contents(path, found), None


WHOLE = [(key, {kind: dict(MEMBERS)[f"{key}.{kind}"] for kind in ("jpg", "txt")}) for key in "abc"]


def test_members_with_one_key_make_a_sample(tmp_path):
    assert until_the_tear(write_tar(tmp_path / "x.tar", MEMBERS)) == (WHOLE, None)


def test_a_tear_anywhere_keeps_the_complete_samples_and_nothing_else(tmp_path):
    whole = write_tar(tmp_path / "whole.tar", MEMBERS).read_bytes()
    ends = {}  # key -> byte at which its last member is complete
    with tarfile.open(tmp_path / "whole.tar") as tar:
        for member in tar:
            ends[member.name[0]] = member.offset_data + member.size
        # Nothing tells that the first sample is complete until the header of the next one is there.
        begins = tar.getmember("b.jpg").offset_data
        closed = -(-max(ends.values()) // 512) * 512 + 512  # the first block of zeros is there
    torn = tmp_path / "torn.tar"
    for cut in range(0, len(whole), 97):
        torn.write_bytes(whole[:cut])
        found, error = until_the_tear(torn)
        assert found == [one for one in WHOLE if cut >= max(begins, ends[one[0]])], cut
        assert (error is None) == (cut >= closed), cut
        assert error is None or error.startswith("torn.tar is torn")


def test_damage_in_the_middle_is_a_tear(tmp_path):
    path = write_tar(tmp_path / "x.tar", MEMBERS)
    with tarfile.open(path) as tar:
        offset = tar.getmember("b.txt").offset
    data = bytearray(path.read_bytes())
    data[offset : offset + 512] = b"\x55" * 512
    path.write_bytes(data)
    found, error = until_the_tear(path)
    assert found == WHOLE[:1]
    assert f"cut off at byte {offset}, sample 'b' is lost" in error


def test_what_is_no_sample_is_passed_over(tmp_path):
    path = tmp_path / "x.tar"
    with tarfile.open(path, "w") as tar:
        for name, kind in (("dir", tarfile.DIRTYPE), ("a.jpg", tarfile.SYMTYPE), ("a.txt", tarfile.LNKTYPE)):
            header = tarfile.TarInfo(name)
            header.type, header.linkname = kind, "/etc/passwd"
            tar.addfile(header)
        for name in (
            "README.md",
            "._a.jpg",
            ".jpg",
            "a.jpg",
            "noext",
            "a.seg.png",
            "__MACOSX/._a.txt",
            "a.TXT",
            "a.cls",
        ):
            header = tarfile.TarInfo(name)
            header.size = 3
            tar.addfile(header, io.BytesIO(b"abc"))
    assert until_the_tear(path) == ([("a", {"jpg": b"abc", "txt": b"abc"})], None)


def test_long_and_nested_names(tmp_path):
    key = "folder.with.dots/" + "x" * 300
    path = write_tar(tmp_path / "x.tar", [(f"{key}.jpg", b"1"), (f"{key}.txt", b"2")])
    assert until_the_tear(path) == ([(key, {"jpg": b"1", "txt": b"2"})], None)


@pytest.mark.parametrize("content", [b"", b"no tar" * 1000])
def test_what_is_no_tar(content, tmp_path):
    (tmp_path / "x.tar").write_bytes(content)
    found, error = until_the_tear(tmp_path / "x.tar")
    assert found == []
    assert error.startswith("x.tar is torn")


@pytest.mark.parametrize("place", ["a.jpg", "c.jpg"])
@pytest.mark.parametrize("size", ["-1", "-1048576", "1099511627776", "9223372036854775807", "99999999999999999999"])
def test_sizes_that_cannot_be_are_a_tear(tmp_path, size, place):
    with tarfile.open(tmp_path / "x.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in MEMBERS:
            header = tarfile.TarInfo(name)
            header.size = len(data)
            if name == place:
                header.pax_headers = {"size": size}
            tar.addfile(header, io.BytesIO(data))
    found, error = until_the_tear(tmp_path / "x.tar")
    assert found == ([] if place == "a.jpg" else WHOLE[:2])
    assert error.startswith("x.tar is torn")
