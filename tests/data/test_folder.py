import numpy as np
import pytest
from PIL import Image

from amortized_sr.data.folder import read_folder
from amortized_sr.image_io import ImageError


def picture(path, size=(8, 6), mode="RGB", value=100):
    path.parent.mkdir(parents=True, exist_ok=True)
    colour = value if mode == "L" else (value, value // 2, 7, 128)[: len(mode)]
    Image.new(mode, size, colour).save(path)
    return path


def test_nested_folders_of_mixed_images_are_read_in_the_order_of_their_paths(tmp_path):
    picture(tmp_path / "b.png", (8, 6))
    picture(tmp_path / "a" / "deep" / "er" / "x.jpg", (5, 4), "L", 30)
    picture(tmp_path / "c.webp", (7, 9))
    store, report = read_folder(tmp_path, channels=3)
    assert store.shapes == [(4, 5, 3), (6, 8, 3), (9, 7, 3)]
    assert (store[1] == (100, 50, 7)).all()
    assert report.modes == {"RGB": 2, "L": 1}
    assert "3 images, 0 unreadable" in str(report)
    assert "width 5-8, height 4-9" in str(report)


def test_images_become_grey_when_one_channel_is_asked_for(tmp_path):
    picture(tmp_path / "colour.png")
    store, _ = read_folder(tmp_path, channels=1)
    assert store.shapes == [(6, 8, 1)]
    assert (store[0] == np.asarray(Image.new("RGB", (1, 1), (100, 50, 7)).convert("L"))).all()


def test_transparent_images_are_put_on_white(tmp_path):
    Image.new("RGBA", (3, 3), (0, 0, 0, 0)).save(tmp_path / "clear.png")
    store, _ = read_folder(tmp_path, channels=3)
    assert (store[0] == 255).all()


def test_hidden_and_foreign_files_are_passed_over(tmp_path):
    picture(tmp_path / "a.png")
    picture(tmp_path / ".hidden" / "b.png")
    picture(tmp_path / "._a.png")
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "Thumbs.db").write_bytes(b"\0")
    store, report = read_folder(tmp_path, channels=3)
    assert len(store) == 1
    assert report.unreadable == {}


def test_corrupt_files_are_named_and_left_out(tmp_path):
    for index in range(9):
        picture(tmp_path / f"{index}.png", value=index)
    noise = np.random.default_rng(0).integers(0, 256, (40, 40), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "bad.png")
    (tmp_path / "bad.png").write_bytes((tmp_path / "bad.png").read_bytes()[:800])
    store, report = read_folder(tmp_path, channels=3)
    assert len(store) == 9
    assert list(report.unreadable) == [str(tmp_path / "bad.png")]
    assert f"{tmp_path / 'bad.png'}: the file is damaged" in str(report)


def test_a_folder_of_nothing_but_corrupt_files_is_an_error_that_names_the_first(tmp_path):
    (tmp_path / "a.png").write_text("text")
    with pytest.raises(ImageError, match=r"none of the 1 image files can be read; the first: .*a\.png"):
        read_folder(tmp_path, channels=3)


def test_an_empty_folder_and_no_folder_are_errors(tmp_path):
    with pytest.raises(ImageError, match="no image files in this folder or below"):
        read_folder(tmp_path, channels=3)
    with pytest.raises(ImageError, match="no such folder"):
        read_folder(tmp_path / "nowhere", channels=3)


def test_the_cache_is_used_again_and_forgotten_when_a_file_changes(tmp_path):
    images, cache = tmp_path / "images", tmp_path / "cache"
    picture(images / "a.png", value=10)
    (images / "bad.png").write_text("text")
    first, report = read_folder(images, 3, cache)
    again, report_again = read_folder(images, 3, cache)
    assert isinstance(again.pixels, np.memmap)
    assert (again[0] == first[0]).all()
    assert report_again == report
    picture(images / "a.png", (9, 9), value=20)
    changed, _ = read_folder(images, 3, cache)
    assert changed.shapes == [(9, 9, 3)]
    assert (changed[0][..., 0] == 20).all()


def test_larger_images_are_shrunk_to_their_shorter_side_also_in_the_cache(tmp_path):
    images, cache = tmp_path / "images", tmp_path / "cache"
    values = np.random.default_rng(0).integers(0, 256, (40, 62, 3), dtype=np.uint8)
    images.mkdir()
    Image.fromarray(values).save(images / "a.png")
    picture(images / "b.png", (30, 9))
    store, report = read_folder(images, 3, cache, shorter_side=10)
    assert store.shapes == report.shapes == [(10, 16, 3), (9, 30, 3)]
    assert (store[0] == np.asarray(Image.fromarray(values).resize((16, 10), Image.Resampling.BICUBIC))).all()
    assert read_folder(images, 3, cache)[0].shapes == [(40, 62, 3), (9, 30, 3)]
    again, _ = read_folder(images, 3, cache, shorter_side=10)
    assert isinstance(again.pixels, np.memmap)
    assert again.shapes == store.shapes


def test_a_damaged_cache_is_made_anew(tmp_path):
    images, cache = tmp_path / "images", tmp_path / "cache"
    picture(images / "a.png", value=10)
    read_folder(images, 3, cache)
    (stored,) = cache.glob("*.npy")
    whole = stored.read_bytes()
    stored.write_bytes(whole[:-5])
    store, _ = read_folder(images, 3, cache)
    assert (store[0][..., 0] == 10).all()
    for index in ("{}", "[]", '{"shapes": [], "notes": {}}', "no json"):
        stored.with_suffix(".json").write_text(index)
        assert read_folder(images, 3, cache)[0].shapes == [(6, 8, 3)]


def test_moments_are_those_of_all_values(tmp_path):
    picture(tmp_path / "a.png", (4, 4), "L", 0)
    picture(tmp_path / "b.png", (8, 2), "L", 255)
    store, _ = read_folder(tmp_path, channels=1)
    assert store.moments() == pytest.approx((0.5, 0.5))
