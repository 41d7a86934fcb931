"""Which processors are taken to be faster in bf16 than in float32."""

from __future__ import annotations

import pytest
import torch

from las_cli.network import device

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("amx", "avx512_bf16", "intel", "expected"),
    [
        (True, True, True, torch.bfloat16),
        (False, True, False, torch.bfloat16),  # AMD Zen 4
        (False, True, True, torch.float32),  # a Xeon whose AMX is hidden by its virtual machine
        (False, False, False, torch.float32),
    ],
)
def test_auto_is_the_faster_precision(
    amx: bool,
    avx512_bf16: bool,
    intel: bool,
    expected: torch.dtype,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx512_bf16)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    monkeypatch.setattr(device, "_of_intel", lambda: intel)
    assert device.pick_precision("auto", CPU) == expected
