"""The order of samples: every image once in a cycle, from few groups at a time, the same whenever it is asked."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from amortized_sr.data.order import ShuffledOrder

COUNTS = st.lists(st.integers(1, 9), min_size=1, max_size=12).map(np.array)


@given(COUNTS, st.integers(1, 5), st.integers(0, 2**31), st.integers(0, 3))
def test_every_image_comes_once_in_a_cycle(counts, mixed, seed, cycle):
    order, total = ShuffledOrder(counts, mixed, seed), int(counts.sum())
    places = [order.place(cycle * total + position) for position in range(total)]
    assert sorted(place.image for place in places) == list(range(total))


@given(COUNTS, st.integers(1, 5), st.integers(0, 2**31))
def test_an_image_is_of_a_group_that_was_announced_first_or_before(counts, mixed, seed):
    order, total = ShuffledOrder(counts, mixed, seed), int(counts.sum())
    group_of = np.repeat(np.arange(len(counts)), counts)
    before: tuple[int, ...] = ()
    for number in range(2 * total):
        place = order.place(number)
        now, following = place.groups[:mixed], place.groups[mixed:]
        assert group_of[place.image] in place.groups
        if len(counts) > mixed:
            assert len(place.groups) <= 2 * mixed
            # A new turn begins with groups that were announced as the following ones.
            assert not before or place.groups == before or set(before[-len(place.groups) :]) & set(now) or not following
        before = place.groups


def test_groups_that_are_all_mixed_have_the_order_of_one_group():
    parts, whole = ShuffledOrder(np.array([3, 4, 5]), 3, 7), ShuffledOrder(np.array([12]), 1, 7)
    assert [parts.place(n).image for n in range(30)] == [whole.place(n).image for n in range(30)]


def test_the_order_of_one_group_is_that_of_earlier_versions():
    # Runs that were started by them are resumed.
    expected = [*np.random.default_rng((7, 0, 0)).permutation(12), *np.random.default_rng((7, 0, 1)).permutation(12)]
    order = ShuffledOrder(np.array([12]), 1, 7)
    assert [order.place(number).image for number in range(24)] == expected


def test_seeds_cycles_and_turns_differ():
    order = ShuffledOrder(np.array([50] * 6), 2, 0)
    turns = [[order.place(100 * turn + position).image for position in range(100)] for turn in range(6)]
    assert len({tuple(turn) for turn in turns}) == 6
    other = ShuffledOrder(np.array([50] * 6), 2, 1)
    assert [other.place(position).image for position in range(100)] != turns[0]
    # Both groups of a turn from its beginning.
    assert len({index // 50 for index in turns[0][:20]}) == 2
