"""Shards: the images of the folder, read by number; what is missing, cut or exchanged is a sentence."""

import contextlib
import json
import pickle
import shutil
import time

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from amortized_sr.data.cache import pack
from amortized_sr.data.folder import read_folder
from amortized_sr.data.pairs import CropDataset, StepSampler, collate_crops
from amortized_sr.data.shard_files import CopiedShards
from amortized_sr.data.shard_set import ShardError, read_shard_set
from amortized_sr.data.shard_writing import pack_folder, write_shards
from amortized_sr.data.sharded_store import ShardedStore, open_shards
from amortized_sr.image_io import ImageError
from amortized_sr.stores import store_at


def images(count=24, side=16):
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (side + number % 5, side, 3), dtype=np.uint8) for number in range(count)]


@pytest.fixture
def place(tmp_path):
    """A set of 24 images in shards of four."""
    folder = tmp_path / "set"
    write_shards(images(), store_at(folder), 3, shard_bytes=4 * 20 * 16 * 3)
    return folder


def opened(place, tmp_path, mixed=2, limit=10**6, remote=False):
    return open_shards(f"{'file://' if remote else ''}{place}", mixed, tmp_path / "cache", limit)


def batches(store, first_step=0, steps=12, workers=0, rank=0, world_size=1, batch_size=4):
    """The batches of a run that starts at a step."""
    sampler = StepSampler(steps - first_step, batch_size, lambda: first_step, rank, world_size)
    dataset = CropDataset(store, 12, augment=True, seed=3)
    loader = DataLoader(dataset, batch_sampler=sampler, num_workers=workers, collate_fn=collate_crops)
    return [(batch.step, batch.target) for batch in loader]


def same(some, others):
    return all(a[0] == b[0] and torch.equal(a[1], b[1]) for a, b in zip(some, others, strict=True))


def test_shards_hold_the_images_and_what_is_known_of_them(place, tmp_path):
    store, whole = opened(place, tmp_path), pack(images())
    assert len(store.shards.shards) == 6
    assert len(store) == 24
    for index, image in enumerate(images()):
        assert (store[index] == image).all()
        assert store.shape_of(index) == image.shape
    assert store.shorter_sides().tolist() == whole.shorter_sides().tolist()
    assert store.moments() == pytest.approx(whole.moments())
    assert "24 images in 6 shards, width 16-16, height 16-20" in str(store.shards)
    some = store.select([5, 20, 6])
    assert all((some[n] == images()[m]).all() for n, m in enumerate((5, 6, 20)))
    assert some.groups.tolist() == [2, 1]
    assert (some.in_memory()[2] == images()[20]).all()


def test_shards_that_are_all_mixed_give_the_batches_of_memory(place, tmp_path):
    assert same(batches(opened(place, tmp_path, mixed=6)), batches(pack(images())))


# Machines with one core.
@pytest.mark.filterwarnings("ignore:This DataLoader will create 2 worker processes")
@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("workers", [0, 1, 2])
def test_a_run_that_begins_later_sees_the_same_batches_with_any_number_of_workers(place, tmp_path, workers, remote):
    whole = batches(opened(place, tmp_path, remote=remote))
    store = opened(place, tmp_path, remote=remote, limit=4 * max(path.stat().st_size for path in place.glob("0*")))
    assert same(batches(store, first_step=5, workers=workers), whole[5:])


def test_processes_together_see_the_batches_of_one(place, tmp_path):
    one = batches(opened(place, tmp_path))
    two = [batches(opened(place, tmp_path), rank=rank, world_size=2, batch_size=2) for rank in (0, 1)]
    joined = [(first[0], torch.cat([first[1], second[1]])) for first, second in zip(*two, strict=True)]
    assert same(one, joined)


def test_another_process_maps_the_files_itself(place, tmp_path):
    store = opened(place, tmp_path, remote=True)
    assert (store[3] == images()[3]).all()
    received = pickle.dumps(store)
    assert len(received) < 20_000
    assert (pickle.loads(received)[3] == images()[3]).all()


# --- copies of a remote set ---


def held_bytes(folder):
    """Return the bytes of the copies; the next ones come meanwhile, and others go."""
    total = 0
    for path in folder.glob("*.npy"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


def test_copies_stay_within_their_bound_and_the_longest_unused_go(place, tmp_path):
    largest = max(path.stat().st_size for path in place.glob("0*"))
    store = opened(place, tmp_path, remote=True, limit=4 * largest)
    sizes = []
    for step in batches(store, steps=40):
        assert step[1].shape == (4, 3, 12, 12)
        sizes.append(held_bytes(tmp_path / "cache" / "shards"))
    assert 0 < max(sizes) <= 4 * largest
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_the_next_shards_are_copied_meanwhile(place, tmp_path):
    store = opened(place, tmp_path, remote=True)
    store.expect((4, 1))
    copies = {store.shards.shards[number].sha256 for number in (4, 1)}
    limit = time.monotonic() + 20
    while {path.stem for path in (tmp_path / "cache" / "shards").glob("*.npy")} != copies:
        assert time.monotonic() < limit
        time.sleep(0.01)


def test_a_bound_that_is_too_small_is_refused_with_what_it_takes(place, tmp_path):
    needed = 4 * max(path.stat().st_size for path in place.glob("0*"))
    with pytest.raises(
        ImageError, match=rf"cache_bytes of 9,999 .*; raise it to at least {needed:,}, or lower"
    ) as raised:
        opened(place, tmp_path, remote=True, limit=9_999)
    assert raised.value.setting == "cache_bytes"
    with pytest.raises(ImageError, match="need a folder of this machine for copies; set cache"):
        open_shards(f"file://{place}", 2, None, 10**6)


def test_a_copy_that_arrives_cut_is_copied_again_and_never_used(place, tmp_path, monkeypatch):
    shards, calls = read_shard_set(f"file://{place}"), []
    files = CopiedShards(f"file://{place}", tmp_path / "cache", 10**6)
    fetch = type(files._store).fetch

    def cut(self, name, target):
        fetch(self, name, target)
        calls.append(name)
        if len(calls) == 1:
            target.write_bytes(target.read_bytes()[:-7])

    monkeypatch.setattr(type(files._store), "fetch", cut)
    path = files.path(shards.shards[2])
    assert calls == ["00002.npy"] * 2
    assert path.read_bytes() == (place / "00002.npy").read_bytes()


# --- shards that are not what the manifest says ---


def test_a_missing_shard_is_named_before_the_run_and_within_it(place, tmp_path):
    store = opened(place, tmp_path)
    (place / "00003.npy").unlink()
    (place / "00005.npy").unlink()
    sentence = r"set: 00003\.npy is missing, and 1 further shards are wrong; copy the set again, or pack it again"
    with pytest.raises(ShardError, match=sentence):
        opened(place, tmp_path)
    with pytest.raises(ShardError, match=r"00003\.npy: the shard cannot be read \(No such file or directory\)"):
        _ = store[13]
    assert (store[0] == images()[0]).all()


@pytest.mark.parametrize("remote", [False, True])
def test_a_cut_shard_is_named_before_the_run_and_within_it(place, tmp_path, remote):
    store = opened(place, tmp_path, remote=remote)
    shard = place / "00001.npy"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(ShardError, match=r"00001\.npy has [\d,]+ bytes instead of [\d,]+; copy"):
        opened(place, tmp_path, remote=remote)
    with pytest.raises(ShardError, match=r"00001\.npy: the shard (has|of) [\d,]+ bytes (instead of|is another)"):
        _ = store[5]


@pytest.mark.parametrize("remote", [False, True])
def test_shards_that_were_exchanged_are_found(tmp_path, remote):
    place = tmp_path / "set"
    write_shards(images(side=20)[::5] * 4, store_at(place), 3, shard_bytes=4 * 20 * 20 * 3)
    first, second = place / "00000.npy", place / "00001.npy"
    content = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(content)
    assert first.stat().st_size == second.stat().st_size
    store = opened(place, tmp_path, remote=remote)
    with pytest.raises(ShardError, match=r"00000\.npy: the shard .*is another than the manifest lists"):
        _ = store[0]


def test_rows_of_the_manifest_in_another_order_are_found(place, tmp_path):
    manifest = place / "shards.json"
    said = json.loads(manifest.read_text())
    for damaged in (
        {**said, "shards": said["shards"][::-1]},
        {**said, "shards": said["shards"][:-1]},
        {**said, "sizes": "0" * 64},
        {**said, "levels": "none"},
        {**said, "format": 9},
        {},
    ):
        manifest.write_text(json.dumps(damaged))
        with pytest.raises((ShardError, ImageError), match=r"set: .*; (copy the set again|update)"):
            opened(place, tmp_path)
    manifest.write_text("no json")
    with pytest.raises(ShardError, match=r"shards\.json is damaged"):
        opened(place, tmp_path)


def test_a_worker_hands_over_the_sentence_alone(place, tmp_path):
    store = opened(place, tmp_path)
    shutil.rmtree(place)
    with pytest.raises(ShardError) as raised:
        batches(store, workers=1)
    assert str(raised.value).startswith(f"{place}/0000")
    assert "\n" not in str(raised.value)


def test_a_place_without_a_set_is_refused_with_the_command_that_writes_one(tmp_path):
    with pytest.raises(
        ImageError, match=r"no set of shards: shards\.json is not there; write one with: amortized-sr pack"
    ):
        opened(tmp_path, tmp_path)


# --- packing a folder ---


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "photos"
    for number, image in enumerate(images(9)):
        path = folder / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return folder


@pytest.mark.parametrize("kind", ["", "file://", "memory://"])
def test_a_packed_folder_holds_its_images_in_a_shuffled_order(photos, tmp_path, kind):
    target = f"{kind}{tmp_path / 'packed'}"
    written, unreadable = pack_folder(photos, target, shard_bytes=3000)
    store = open_shards(target, 2, tmp_path / "cache", 10**6)
    known, _ = read_folder(photos, 3)
    packed, direct = ([one[n].tobytes() for n in range(9)] for one in (store, known))
    assert sorted(packed) == sorted(direct)
    assert packed != direct
    assert (unreadable, len(written.shards), isinstance(store, ShardedStore)) == ({}, 3, True)


def test_the_command_packs_reports_what_it_leaves_out_and_keeps_a_set(photos, tmp_path, cli):
    (photos / "bad.png").write_text("text")
    target = tmp_path / "packed"
    result = cli("pack", photos, "-o", target, "--channels", 1, "--shard-size", "64K")
    assert result.code == 1
    assert "bad.png: not an image in a known format" in result.complaint
    assert "9 images in 1 shards" in result.out
    assert opened(target, tmp_path).shape_of(0)[2] == 1
    before = (target / "shards.json").read_bytes()
    result = cli("pack", photos, "-o", target)
    assert result.code == 1
    assert "holds a set of shards already; overwrite it, or choose another place (--overwrite)" in result.complaint
    assert (target / "shards.json").read_bytes() == before
    assert cli("pack", tmp_path / "none", "-o", tmp_path / "other").code == 1
    assert cli("pack", photos, "-o", target, "--channels", 2).code == 2


def test_a_folder_of_which_nothing_can_be_read_costs_no_set(photos, tmp_path, cli):
    target, bad = tmp_path / "packed", tmp_path / "bad"
    assert cli("pack", photos, "-o", target).code == 0
    bad.mkdir()
    (bad / "a.png").write_text("text")
    result = cli("pack", bad, "-o", target, "--overwrite")
    assert result.code == 1
    assert "none of the 1 image files can be read" in result.complaint
    assert len(opened(target, tmp_path)) == 9
