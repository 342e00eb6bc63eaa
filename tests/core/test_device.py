"""Which device and precision are chosen, and what memory is counted on, whatever this machine has."""

from __future__ import annotations

import pytest
import torch

from napari_unet.core.device import Compute, choose_device, is_out_of_memory
from napari_unet.core.engines import choice
from napari_unet.core.errors import UserError


@pytest.fixture
def gpu(monkeypatch):
    """A graphics card of 8 GB, half of it used, of which torch holds 1 GB in reserve."""

    def make(capability=(8, 6)):
        released = []
        for name, answer in {
            "is_available": True,
            "get_device_capability": capability,
            "mem_get_info": (4_000, 8_000),
            "memory_reserved": 1_500,
            "memory_allocated": 500,
        }.items():
            monkeypatch.setattr(torch.cuda, name, lambda answer=answer: answer)
        monkeypatch.setattr(torch.cuda, "empty_cache", lambda: released.append("cuda"))
        return released

    return make


@pytest.fixture
def mac(monkeypatch):
    released = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    monkeypatch.setattr(torch.mps, "recommended_max_memory", lambda: 6_000)
    monkeypatch.setattr(torch.mps, "driver_allocated_memory", lambda: 2_000)
    monkeypatch.setattr(torch.mps, "empty_cache", lambda: released.append("mps"))
    return released


def test_a_graphics_card_computes_in_the_16_bits_that_it_is_fast_in(gpu):
    gpu()
    assert choose_device() == Compute("cuda", "bfloat16")
    gpu(capability=(7, 5))
    assert choose_device() == Compute("cuda", "float16")
    assert choose_device("cuda", "float32") == Compute("cuda", "float32")
    assert choose_device("cpu").device == "cpu"


def test_memory_that_torch_holds_in_reserve_is_free(gpu):
    released = gpu()
    compute = choose_device()
    assert compute.free_memory == int((4_000 + 1_000) * 0.85)
    assert compute.budget(2.0) == 2 << 30
    compute.release()
    assert released == ["cuda"]


def test_a_mac_computes_on_its_graphics_card(mac):
    compute = choose_device()
    assert compute == Compute("mps", "float16")
    assert compute.free_memory == int(4_000 * 0.85)
    compute.release()
    assert mac == ["mps"]


def test_a_processor_without_a_fast_16_bit_unit_computes_in_32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    for name in ("_is_avx512_bf16_supported", "_is_amx_tile_supported"):
        monkeypatch.setattr(torch.cpu, name, lambda: False, raising=False)
    assert choose_device() == Compute("cpu", "float32")
    with pytest.raises(UserError, match="finds cpu"):
        choose_device("cuda")
    with pytest.raises(UserError, match="float16"):
        choose_device("cpu", "float16")
    with pytest.raises(UserError, match="8 bits need OpenVINO"):
        choose_device("cpu", "int8")


def test_the_other_engines_compute_on_the_processor_also_beside_a_graphics_card(gpu, monkeypatch):
    gpu()
    monkeypatch.setattr(choice, "find_spec", lambda name: object())
    assert choice.choose_compute(engine="onnx") == Compute("cpu", "float32", "onnx")
    assert choice.choose_compute().engine == "torch"
    monkeypatch.setattr(choice, "find_spec", lambda name: name == "onnxruntime" or None)
    assert choice.choose_compute("cpu", "int8") == Compute("cpu", "int8", "onnx")


def test_full_memory_is_told_from_other_errors():
    for error in (MemoryError(), torch.OutOfMemoryError(), RuntimeError("MPS: out of memory")):
        assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("shapes differ"))
    assert not is_out_of_memory(ValueError("out of memory"))
