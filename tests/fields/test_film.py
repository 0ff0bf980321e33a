import torch

from amortized_sr.fields.film import FilmField, ModulationHead


def test_modulation_starts_as_the_identity():
    field = FilmField(3, 8, 2, neighbors=1)
    head = ModulationHead(5, field.code_channels)
    codes = head(torch.randn(1, 5, 3, 3)).flatten(2).transpose(1, 2)
    offset, cell = torch.rand(1, 9, 2) - 0.5, torch.rand(1, 9, 2)
    plain = field(offset, cell, torch.zeros(1, 9, field.code_channels))
    torch.testing.assert_close(field(offset, cell, codes), plain)
    assert (field(offset, cell, torch.randn_like(codes)) - plain).abs().max() > 1e-3
