"""The free memory is that of the container, where there is one."""

from types import SimpleNamespace

import pytest

from napari_unet.core import host_memory

GIB = 1 << 30


@pytest.fixture
def system(tmp_path, monkeypatch):
    """A computer with 8 GiB free, and a function that puts the program into a control group."""
    memory = SimpleNamespace(available=8 * GIB, total=16 * GIB)
    monkeypatch.setattr(host_memory.psutil, "virtual_memory", lambda: memory)
    monkeypatch.setattr(host_memory, "CGROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(host_memory, "MEMBERSHIP", tmp_path / "membership")

    def join(membership, folder, **files):
        (tmp_path / "membership").write_text(membership)
        place = tmp_path / "cgroup" / folder
        place.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (place / name.replace("__", ".")).write_text(str(text))

    return join


def test_without_a_container_it_is_that_of_the_computer(system):
    assert host_memory.free_memory() == 8 * GIB
    system("0::/user", "user", memory__max="max\n", memory__current="5\n")
    assert (host_memory.free_memory(), host_memory.total_memory()) == (8 * GIB, 16 * GIB)


@pytest.mark.parametrize("folder", ["job/step", "job", ""])
def test_version_2_of_the_groups_above_and_of_the_root_counts(system, folder):
    system(
        "0::/job/step\n",
        folder,
        memory__max=2 * GIB,
        memory__current=GIB,
        memory__stat=f"anon 5\ninactive_file {GIB // 2}\n",
    )
    assert host_memory.free_memory() == GIB + GIB // 2
    assert host_memory.total_memory() == 2 * GIB


def test_version_1_in_a_container_that_sees_only_its_root(system):
    system(
        "5:cpu:/x\n4:blkio,memory:/docker/abc\n0::/\n",
        "memory",
        memory__limit_in_bytes=900 << 20,
        memory__usage_in_bytes=300 << 20,
        memory__stat="total_inactive_file 0",
    )
    assert host_memory.free_memory() == 600 << 20
    # no limit is a huge number
    system("4:memory:/", "memory", memory__limit_in_bytes=2**63 - 4096, memory__usage_in_bytes=0)
    assert host_memory.free_memory() == 8 * GIB


@pytest.mark.parametrize("statistics", [None, "no numbers here"])
def test_what_could_be_reclaimed_is_left_out_where_it_is_not_told(system, statistics):
    files = {} if statistics is None else {"memory__stat": statistics}
    system("0::/job", "job", memory__max=2 * GIB, memory__current=GIB, **files)
    assert host_memory.free_memory() == GIB
