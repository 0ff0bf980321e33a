import torch

from amortized_sr.fields.film import FilmField
from amortized_sr.heads import ModulationHead


def test_no_modulation_leaves_the_plain_siren_and_any_other_changes_it():
    field = FilmField(3, 8, 2, neighbors=1)
    offset, cell = torch.rand(1, 9, 2) - 0.5, torch.rand(1, 9, 2)
    first, second = field.layers
    hidden = torch.sin(6.0 * first.linear(torch.cat((offset, cell), dim=-1)))
    plain = field.colour(torch.sin(second.linear(hidden)))

    none = torch.zeros(1, 9, field.code_channels)

    torch.testing.assert_close(field(offset, cell, none), plain)
    assert (field(offset, cell, torch.randn_like(none)) - plain).abs().max() > 1e-3


def test_modulation_starts_as_the_identity():
    assert not ModulationHead(5, 12)(torch.randn(1, 5, 3, 3)).any()
