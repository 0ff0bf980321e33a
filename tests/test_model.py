"""The promises of images as functions, for every field."""

import copy
import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from typing import final, get_args

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from windows import windows

from amortized_sr.choices import FieldName, Footprint, InterpolationName, Neighbors
from amortized_sr.compute import Bounds
from amortized_sr.coords import pixel_cell, pixel_window
from amortized_sr.encoders.base import Encoder
from amortized_sr.grids import pixel_grid
from amortized_sr.latent import Latent, LatentError
from amortized_sr.model_builder import build_model
from amortized_sr.model_config import ModelConfig
from amortized_sr.picture_tensor import add_conditions
from amortized_sr.symmetry import TURNS, Turn

SMALL = ModelConfig(
    encoder_width=6, encoder_blocks=1, head_width=8, frequencies=2, field_width=8, field_depth=2, channels=3
)
HYPER = [
    dataclasses.replace(SMALL, footprint=footprint, neighbors=neighbors, skip=skip)
    for footprint in get_args(Footprint)
    for neighbors in get_args(Neighbors)
    for skip in get_args(InterpolationName)
]
POINTWISE = [field for field in get_args(FieldName) if field != "hyper"]
OTHERS = [dataclasses.replace(SMALL, field=field, neighbors=n) for field in POINTWISE for n in get_args(Neighbors)]
SPAN = dataclasses.replace(SMALL, encoder="span", encoder_blocks=2)
HYBRID = dataclasses.replace(SMALL, encoder="hybrid", encoder_blocks=1, half_width=5, half_blocks=1)
# These correct the image below as well.
TOLD = [
    dataclasses.replace(SMALL, conditions=("noise", "jpeg")),
    dataclasses.replace(SMALL, conditions=("noise",), field="film"),
    dataclasses.replace(SMALL, conditions=("jpeg",), skip="none"),
]
TONE = [
    dataclasses.replace(SMALL, keeps_tone=True, footprint=footprint, neighbors=neighbors)
    for footprint, neighbors in (("gauss", 4), ("box", 4), ("box", 1))
]
ALL = [*HYPER, *OTHERS, SPAN, HYBRID, *TOLD, *TONE]
BOX = [config for config in HYPER if config.footprint == "box"]


def name(config):
    conditions = "".join(f"-{condition}" for condition in config.conditions)
    tone = "-tone" * config.keeps_tone
    return f"{config.encoder}-{config.field}-{config.footprint}-{config.neighbors}-{config.skip}{conditions}{tone}"


def make(config, seed=0):
    """Return a model in float64 whose field says something loud."""
    torch.manual_seed(seed)
    model = build_model(config).double()
    for parameter in [*model.head.parameters(), *model.field.parameters()]:
        torch.nn.init.normal_(parameter, std=0.5)
    return model


def image(batch=2, channels=3, height=5, width=4):
    return torch.rand(batch, channels, height, width, dtype=torch.float64)


def planes(config, batch=2, **shape):
    """Return images with the conditions that a model reads, other ones for each image."""
    return add_conditions(image(batch, **shape), torch.rand(batch, len(config.conditions), dtype=torch.float64))


sizes = st.tuples(st.integers(1, 23), st.integers(1, 23))


@pytest.mark.parametrize("config", ALL, ids=name)
@settings(max_examples=8)
@given(size=sizes, window=windows())
def test_rendering_a_grid_equals_querying_its_points(config, size, window):
    function = make(config).encode(planes(config))
    grid = pixel_grid(size, window, torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell(size, window), dtype=torch.float64)
    queried = function(grid, cell).movedim(-1, 1).unflatten(-1, size)
    rendered = function.render(size, window)
    # Grid positions are multiples of 2^-22 of a cell, and a query exactly between two cells may fall either side.
    close = (rendered - queried).abs().amax(dim=1) < 2e-4
    assert close.double().mean() > (0.9 if config.neighbors == 1 else 0.9999)


@pytest.mark.parametrize("config", [config for config in ALL if config.neighbors == 1], ids=name)
def test_rendering_equals_querying_away_from_cell_borders(config):
    function = make(config).encode(image(height=5, width=3))
    size = (35, 21)  # odd scale: no pixel centre lies on a border between cells
    grid = pixel_grid(size, dtype=torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell(size), dtype=torch.float64)
    queried = function(grid, cell).movedim(-1, 1).unflatten(-1, size)
    torch.testing.assert_close(function.render(size), queried, atol=1e-4, rtol=0)


@pytest.mark.slow
@pytest.mark.parametrize("config", [config for config in ALL if config.neighbors == 4], ids=name)
def test_four_neighbours_are_continuous_across_cell_borders(config):
    function = make(config).encode(planes(config, height=4, width=4))
    # Straight through cells and borders, along both axes and a diagonal.
    line = torch.linspace(-0.999, 0.999, 10001, dtype=torch.float64)
    flat = torch.full_like(line, 0.123)
    for coord in (torch.stack((line, flat), -1), torch.stack((flat, line), -1), torch.stack((line, line), -1)):
        colour = function(coord, torch.tensor([0.05, 0.05], dtype=torch.float64))
        steps = colour.diff(dim=1).abs().amax(dim=(0, 2))
        # A jump would stand out from the steps beside it; the steepest slope does not.
        assert steps.max() < 0.08
        assert steps.max() < 2 * steps.sort().values[-5]


def test_one_neighbour_jumps_at_cell_borders():
    # The test above can fail: this is what it looks for.
    function = make(dataclasses.replace(SMALL, neighbors=1)).encode(image(height=4, width=4))
    border = torch.tensor([[-1e-9, 0.1], [1e-9, 0.1]], dtype=torch.float64)
    colour = function(border, torch.tensor([0.05, 0.05], dtype=torch.float64))
    assert colour.diff(dim=1).abs().max() > 0.05


@pytest.mark.parametrize("config", BOX, ids=name)
@settings(max_examples=10)
@given(size=st.tuples(st.integers(1, 17), st.integers(1, 17)), window=windows())
def test_box_footprints_average_exactly(config, size, window):
    function = make(config).encode(image())
    fine = function.render((2 * size[0], 2 * size[1]), window)
    # The loudest colours are near 10; positions are rounded to 2^-22 of a cell.
    torch.testing.assert_close(
        torch.nn.functional.avg_pool2d(fine, 2), function.render(size, window), atol=1e-4, rtol=0
    )


@pytest.mark.parametrize("config", BOX, ids=name)
def test_the_learned_part_alone_averages_exactly(config):
    model = make(config)
    picture = image()
    learned = [
        model.encode(picture).render(size) - silent(model).encode(picture).render(size) for size in ((14, 18), (7, 9))
    ]
    assert learned[1].abs().max() > 0.1
    torch.testing.assert_close(torch.nn.functional.avg_pool2d(learned[0], 2), learned[1], atol=1e-4, rtol=0)


def silent(model):
    """Return the model without what the field adds."""
    quiet = copy.deepcopy(model)
    for parameter in quiet.head.parameters():
        torch.nn.init.zeros_(parameter)
    return quiet


@pytest.mark.parametrize("config", ALL, ids=name)
@settings(max_examples=5)
@given(size=st.tuples(st.integers(2, 30), st.integers(2, 30)), cut=st.tuples(*[st.floats(0, 1)] * 4))
def test_a_window_equals_the_crop_of_the_whole(config, size, cut):
    top, left = int(cut[0] * (size[0] - 1)), int(cut[1] * (size[1] - 1))
    bottom = top + 1 + int(cut[2] * (size[0] - top - 1))
    right = left + 1 + int(cut[3] * (size[1] - left - 1))
    function = make(config).encode(planes(config))
    window = pixel_window((top, left, bottom, right), size)
    crop = function.render(size)[:, :, top:bottom, left:right]
    torch.testing.assert_close(function.render((bottom - top, right - left), window), crop, atol=2e-4, rtol=0)


@pytest.mark.parametrize("config", ALL, ids=name)
def test_tiles_do_not_show(config):
    function = make(config).encode(planes(config))
    for size, tile in (((13, 22), 9), ((3, 4), 1), ((64, 3), 50)):
        tiled = dataclasses.replace(function, bounds=Bounds(tile=tile))
        torch.testing.assert_close(tiled.render(size), function.render(size), atol=2e-4, rtol=0)


@pytest.mark.parametrize("config", ALL, ids=name)
def test_images_of_a_batch_do_not_influence_each_other(config):
    model = make(config)
    batch = planes(config, batch=3)
    together = model(batch, (9, 11))
    for index in range(3):
        torch.testing.assert_close(model(batch[index : index + 1], (9, 11)), together[index : index + 1])


@pytest.mark.parametrize("config", ALL, ids=name)
def test_every_parameter_gets_a_gradient(config):
    torch.manual_seed(0)
    model = build_model(config)
    target = torch.rand(2, 3, 11, 13)
    # Film's head starts at zero and passes gradients on only after it has moved.
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(2 if config.field == "film" else 1):
        optimizer.zero_grad()
        (model(planes(config).float(), (11, 13)) - target).square().mean().backward()
        optimizer.step()
    without = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert without == []


@pytest.mark.parametrize("config", [*HYPER, TOLD[0]], ids=name)
def test_the_ensemble_is_the_mean_of_the_eight_turned_pictures(config):
    # No pixel's centre lies on the border of a cell, which belongs to one side of it.
    model, given, size = make(config), planes(config), (12, 8)
    pictures = [
        Turn(
            turn.transposed,
            *((turn.horizontal, turn.vertical) if turn.transposed else (turn.vertical, turn.horizontal)),
        ).apply(model.encode(turn.apply(given)).render(size[::-1] if turn.transposed else size))
        for turn in TURNS
    ]

    together = model.encode(given, ensemble=True)

    torch.testing.assert_close(together.render(size), torch.stack(pictures).mean(dim=0))
    for turn in TURNS:
        turned = model.encode(turn.apply(given), ensemble=True).render(size[::-1] if turn.transposed else size)
        torch.testing.assert_close(turned, turn.apply(together.render(size)))


@pytest.mark.parametrize("field", get_args(FieldName))
def test_a_grey_model_treats_the_channels_of_a_colour_image_one_by_one(field):
    model = make(dataclasses.replace(SMALL, channels=1, field=field))
    picture = image()
    whole = model(picture, (9, 7))
    assert whole.shape == (2, 3, 9, 7)
    for channel in range(3):
        alone = model(picture[:, channel : channel + 1], (9, 7))
        torch.testing.assert_close(whole[:, channel : channel + 1], alone)


def test_points_and_grids_agree_for_a_grey_model_on_a_colour_image():
    function = make(dataclasses.replace(SMALL, channels=1)).encode(image())
    grid = pixel_grid((7, 7), dtype=torch.float64).flatten(0, 1)
    cell = torch.tensor(pixel_cell((7, 7)), dtype=torch.float64)
    torch.testing.assert_close(
        function(grid, cell).movedim(-1, 1).unflatten(-1, (7, 7)), function.render((7, 7)), atol=1e-4, rtol=0
    )


def test_a_colour_model_answers_a_grey_image_in_grey():
    model = make(SMALL)
    grey = image(channels=1)
    colour = model(grey.expand(-1, 3, -1, -1), (8, 9))
    torch.testing.assert_close(model(grey, (8, 9)), colour.mean(dim=1, keepdim=True))


def test_a_silent_field_leaves_the_interpolated_image():
    # torch's bicubic has another constant (a = -0.75), so bilinear is the outside reference.
    model = silent(make(dataclasses.replace(SMALL, skip="bilinear", footprint="point")))
    picture = image()
    expected = torch.nn.functional.interpolate(picture, (17, 9), mode="bilinear", align_corners=False)
    torch.testing.assert_close(model(picture, (17, 9)), expected, atol=1e-5, rtol=0)


def test_a_silent_bicubic_skip_is_pillows_bicubic():
    model = silent(make(dataclasses.replace(SMALL, skip="bicubic", footprint="point", channels=1)))
    picture = image(batch=1, channels=1, height=6, width=5)
    wanted = Image.fromarray(picture[0, 0].float().numpy()).resize((15, 18), Image.Resampling.BICUBIC)
    ours = model(picture, (18, 15))[0, 0]
    # Away from the edges, which Pillow renormalises and we continue by repetition.
    inner = slice(6, -6), slice(6, -6)
    np.testing.assert_allclose(ours[inner].detach().numpy(), np.asarray(wanted)[inner], atol=1e-4)


def test_the_scales_of_x_and_y_are_independent():
    function = make(SMALL).encode(image())
    both = function.render((10, 12))
    assert function.render((10, 31)).shape == (2, 3, 10, 31)
    # Every third column of a three times wider rendering lies on a column of the narrower one, point for point.
    point = make(dataclasses.replace(SMALL, footprint="point")).encode(function.latent.image)
    torch.testing.assert_close(point.render((10, 36))[..., 1::3], point.render((10, 12)), atol=1e-4, rtol=0)
    assert both.shape == (2, 3, 10, 12)


def test_a_query_without_cell_is_the_limit_of_small_cells():
    for config in BOX:
        function = make(config).encode(image())
        coord = torch.rand(1, 50, 2, dtype=torch.float64).expand(2, -1, -1) * 1.8 - 0.9
        tiny = torch.tensor([1e-5, 1e-5], dtype=torch.float64)
        torch.testing.assert_close(function(coord), function(coord, tiny), atol=1e-3, rtol=0)


def test_images_of_one_pixel_have_a_function_too():
    for config in ALL:
        assert make(config)(planes(config, height=1, width=1), (5, 6)).isfinite().all()


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 2, 8, 8), (1, 3, 0, 8)])
def test_wrong_image_shapes_are_refused_with_the_shape(shape):
    with pytest.raises((ValueError, TypeError), match=str(shape[-1])):
        make(SMALL).encode(torch.zeros(shape, dtype=torch.float64))


def test_wrong_query_shapes_and_sizes_are_refused():
    function = make(SMALL).encode(image())
    with pytest.raises((ValueError, TypeError), match="shape"):
        function(torch.zeros(3, 4, 2, dtype=torch.float64))
    with pytest.raises(ValueError, match="size must be"):
        function.render((0, 5))
    for size in ((0, 5), (5.5, 2), (5,), 64):
        with pytest.raises((ValueError, TypeError), match="size"):
            function.render(size)
    for number in (math.nan, math.inf):
        with pytest.raises(ValueError, match="coord holds NaN or infinity"):
            function(torch.tensor([[number, 0.0]], dtype=torch.float64))
    with pytest.raises(ValueError, match="window"):
        function.render((5, 5), window=(0.0, 0.0, 2.0, 2.0))


def test_grids_and_points_agree_in_the_half_precision_of_a_training_loop():
    model = make(SMALL).float()
    function = model.encode(image().float())
    grid = pixel_grid((15, 12)).flatten(0, 1)
    with torch.autocast("cpu", torch.bfloat16):
        queried = function(grid, torch.tensor(pixel_cell((15, 12)))).movedim(-1, 1).unflatten(-1, (15, 12))
        rendered = function.render((15, 12))
    torch.testing.assert_close(queried, rendered, atol=1e-3, rtol=0)
    torch.testing.assert_close(rendered, function.render((15, 12)))


@pytest.mark.parametrize("config", [HYPER[-1], *OTHERS[:1]], ids=name)
def test_the_bounds_of_memory_do_not_show(config):
    function = make(config).encode(image(height=9, width=8))
    whole = function.render((50, 41))
    bounded = dataclasses.replace(function, bounds=Bounds(band_numbers=1, gathered_numbers=1))
    torch.testing.assert_close(bounded.render((50, 41)), whole)


def test_pixels_finer_than_the_finest_blur_like_it():
    function = make(dataclasses.replace(SMALL, footprint="gauss", finest_cell=0.25)).encode(image(height=4, width=4))
    coord = torch.rand(1, 40, 2, dtype=torch.float64).expand(2, -1, -1) * 1.8 - 0.9
    quarter = torch.tensor([0.125, 0.125], dtype=torch.float64)  # a quarter of a pixel of 4
    torch.testing.assert_close(function(coord), function(coord, quarter))
    assert (function(coord, 2 * quarter) - function(coord, quarter)).abs().max() > 1e-2


@pytest.mark.parametrize("config", [SMALL, SPAN, HYBRID], ids=name)
def test_the_encoder_reaches_exactly_as_far_as_it_says(config):
    model = make(config)
    radius, stride = model.encoder.receptive_radius, model.encoder.stride
    picture = image(batch=1, height=33, width=33)
    reached = set()
    # At half the resolution a pixel reaches farther to one side; which one depends on its place in its cell.
    for place in range(16, 16 + stride):
        changed = picture.clone()
        changed[:, :, place, place] += 1
        moved = (model.encoder(picture) - model.encoder(changed)).abs().amax(dim=(0, 1)) > 0
        for found in moved.nonzero(as_tuple=True):
            reached |= {place - int(found.min()), int(found.max()) - place}
    assert max(reached) == radius
    assert len(reached) == stride


def test_a_part_of_an_image_begins_where_cells_of_half_the_resolution_do():
    """Odd starts are read from one pixel earlier; without that, the codes differ."""
    model = make(HYBRID)
    picture = image(batch=1, height=41, width=40)
    whole = model.encode(picture).latent.codes
    part = slice(16, 20), slice(17, 21)

    torch.testing.assert_close(model.encode_part(picture, *part), whole[:, :, *part])
    model.encoder.stride = 1
    assert (model.encode_part(picture, *part) - whole[:, :, *part]).abs().max() > 1e-4


def test_mean_and_deviation_belong_to_the_model():
    model = make(dataclasses.replace(SMALL, mean=0.25, deviation=0.5))
    state = model.state_dict()
    assert state["mean"] == 0.25
    assert state["deviation"] == 0.5
    seen = []
    model.encoder.register_forward_pre_hook(lambda _module, inputs: seen.append(inputs[0]))
    picture = image()
    model.encode(picture)
    torch.testing.assert_close(seen[0], (picture - 0.25) / 0.5)


# --- latents, planes, and encoders that see the whole image ---


@final
class Pooling(Encoder):
    """An encoder with one cell for the whole image."""

    receptive_radius = None

    def __init__(self, planes, width):
        super().__init__()
        self.out_channels = width
        self.mix = torch.nn.Conv2d(planes, width, 1)

    def forward(self, planes):
        return self.mix(planes).relu().mean(dim=(-2, -1), keepdim=True)


def make_global(field="hyper", skip="bicubic"):
    """Return a model whose latent is a single code."""
    model = make(dataclasses.replace(SMALL, field=field, skip=skip, neighbors=1))
    model.encoder = Pooling(3, 6).double()
    return model


@pytest.mark.parametrize("skip", ["bicubic", "none"])
@pytest.mark.parametrize("field", get_args(FieldName))
def test_a_single_code_for_the_whole_image_renders_windows_and_points_alike(field, skip):
    function = make_global(field, skip).encode(image(height=6, width=6))
    assert function.latent.codes.shape[-2:] == (1, 1)
    assert (function.base is None) == (skip == "none")
    whole = function.render((30, 30))
    grid, cell = pixel_grid((30, 30), dtype=torch.float64).flatten(0, 1), torch.tensor(pixel_cell((30, 30))).double()
    queried = function(grid, cell).movedim(-1, 1).unflatten(-1, (30, 30))
    torch.testing.assert_close(queried, whole, atol=2e-4, rtol=0)
    part = function.render((10, 20), pixel_window((5, 0, 15, 20), (30, 30)))
    torch.testing.assert_close(part, whole[:, :, 5:15, :20], atol=2e-4, rtol=0)


def test_a_model_without_an_interpolated_image_draws_the_learned_part_alone():
    without, given = make(dataclasses.replace(SMALL, skip="none")), image()
    with_image = make(SMALL)
    learned = with_image.encode(given).render((9, 7)) - with_image.encode(given).base.render((9, 7))
    torch.testing.assert_close(without.encode(given).render((9, 7)), learned)


@pytest.mark.parametrize("channels", [1, 3])
def test_conditions_change_the_codes_and_the_image_below_which_at_strength_0_is_the_input(channels):
    model = make(dataclasses.replace(SMALL, channels=channels, conditions=("noise",)))
    given = image()
    clean, noisy = (add_conditions(given, torch.full((2, 1), level)) for level in (0.0, 0.5))
    assert model.encode(clean).channels == 3
    assert (model(clean, (9, 7)) - model(noisy, (9, 7))).abs().max() > 1e-2
    assert torch.equal(model.encode(clean).base.image, given)
    assert (model.encode(noisy).base.image - given).abs().max() > 1e-2
    for index in range(2):
        alone = model(noisy[index : index + 1], (9, 7))
        torch.testing.assert_close(model(noisy, (9, 7))[index : index + 1], alone)
    with pytest.raises((ValueError, TypeError), match="plane for each of noise"):
        model.encode(given)


def test_a_latent_says_how_large_it_is_without_its_contents():
    latent = make(SMALL).encode(image(height=5, width=4)).latent
    assert repr(latent).startswith("Latent(2x75 codes on 5x4 cells of 4x5 pixels, ")
    assert len(repr(make(SMALL).encode(image()))) < 120
    assert latent.nbytes == 8 * (2 * 75 * 5 * 4 + 2 * 3 * 5 * 4)
    assert latent.to("meta").codes.device.type == "meta"


def test_a_decoded_latent_is_the_function_that_it_came_from(tmp_path):
    for config in ALL:
        model = make(config)
        with torch.no_grad():
            function = model.encode(planes(config))
        function.latent.save(tmp_path / "latent.safetensors")
        for latent in (function.latent, Latent.load(tmp_path / "latent.safetensors")):
            assert torch.equal(model.decode(latent).render((9, 7)), function.render((9, 7)))
    with pytest.raises(LatentError, match="codes have 75; use the model that made it"):
        make(SMALL).decode(make(dataclasses.replace(SMALL, frequencies=1)).encode(image()).latent)


@pytest.mark.slow
@pytest.mark.parametrize("config", [SMALL, dataclasses.replace(SMALL, field="concat")], ids=name)
def test_threads_render_windows_of_one_function_as_a_single_one_does(config):
    function = make(config).encode(image(height=12, width=12))
    windows = [pixel_window((n, n // 2, n + 6, n // 2 + 9), (48, 48)) for n in range(32)]
    wanted = [function.render((24, 36), window) for window in windows]
    with ThreadPoolExecutor(32) as pool:
        for expected, found in zip(wanted, pool.map(lambda w: function.render((24, 36), w), windows), strict=True):
            assert torch.equal(found, expected)
