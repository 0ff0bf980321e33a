import pytest
import torch

from amortized_sr.compute import Compute
from amortized_sr.devices import choose_precision, has_bfloat16
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.tiling import AdaptiveEncoder

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("capabilities", "expected"),
    [({}, "fp32"), ({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_bf16": False}, "fp32")],
    ids=str,
)
def test_auto_is_bfloat16_where_the_processor_computes_in_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    assert choose_precision("auto", CPU) == expected
    encoder = AdaptiveEncoder.of(build_model(ModelConfig(encoder_width=8, encoder_blocks=1)), Compute("cpu")).encoder
    assert encoder.precision == expected


@pytest.mark.parametrize("name", ["fp32", "bf16", "fp16"])
def test_a_precision_that_was_asked_for_is_taken(name):
    assert choose_precision(name, CPU) == name


def test_devices_without_known_capabilities_compute_in_fp32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not has_bfloat16(CPU)
    assert not has_bfloat16(torch.device("meta"))
