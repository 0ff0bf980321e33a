"""The store forgets: what is too much, what is too old, and what it is told to."""

from dataclasses import dataclass
from types import SimpleNamespace

import pytest

from amortized_sr.server.picture_store import PictureStore
from amortized_sr.server.refusal import RequestError


@dataclass
class Clock:
    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


def picture(nbytes):
    return SimpleNamespace(latent=SimpleNamespace(nbytes=nbytes))


def test_the_picture_unused_for_longest_goes_first_and_memory_stays_bounded():
    store = PictureStore(100, 60, Clock())
    first, second = (store.add(picture(40), "")[0] for _ in range(2))
    store.get(first)
    third, _ = store.add(picture(40), "")
    assert store.get(first)
    assert store.get(third)
    with pytest.raises(RequestError, match="no picture has this id"):
        store.get(second)
    for _ in range(20):
        store.add(picture(33), "")
        assert store.nbytes <= 100
    assert len(store) == 3


def test_a_picture_larger_than_the_memory_is_refused_and_removes_nothing():
    store = PictureStore(100, 60, Clock())
    name, _ = store.add(picture(40), "")
    with pytest.raises(RequestError, match="101 bytes, above the limit of 100") as refused:
        store.add(picture(101), "")
    assert refused.value.status == 413
    assert store.get(name)


def test_pictures_expire_at_the_time_that_was_said_however_often_they_are_used():
    clock = Clock()
    store = PictureStore(100, 60, clock)
    name, stored = store.add(picture(40), "")
    assert stored.expires == 1060
    clock.now = 1059.9
    assert store.get(name) is stored
    clock.now = 1060
    with pytest.raises(RequestError) as refused:
        store.get(name)
    assert refused.value.status == 404
    assert (len(store), store.nbytes) == (0, 0)


def test_a_picture_is_removed_once():
    store = PictureStore(100, 60, Clock())
    name, _ = store.add(picture(40), "")
    store.remove(name)
    assert (len(store), store.nbytes) == (0, 0)
    with pytest.raises(RequestError):
        store.remove(name)


def test_ids_hold_128_random_bits():
    store = PictureStore(10_000, 60, Clock())
    names = [store.add(picture(1), "")[0] for _ in range(200)]
    assert len(set(names)) == 200
    bits = [int(name, 16) for name in names]
    assert all(len(name) == 32 for name in names)
    # Each bit is 1 in about half of them.
    for place in range(128):
        assert 50 < sum(number >> place & 1 for number in bits) < 150
