import shutil

import pytest

from amortized_sr.data.mnist import read_digits, read_labels, read_mnist


@pytest.fixture(scope="session")
def mnist_root(shared_data, tmp_path_factory):
    # torchvision extracts beside the archives.
    root = tmp_path_factory.mktemp("data")
    shutil.copytree(shared_data / "data" / "MNIST", root / "MNIST")
    return root


@pytest.mark.slow
def test_the_real_digits_are_read(mnist_root):
    for train, count, mean in ((True, 60_000, 0.1307), (False, 10_000, 0.1325)):
        store = read_mnist(mnist_root, train)
        assert len(store) == count
        assert set(store.shapes) == {(28, 28, 1)}
        # 0.1307 is the mean that every tutorial normalises with.
        assert store.moments()[0] == pytest.approx(mean, abs=1e-4)


@pytest.mark.slow
def test_digits_as_a_tensor_are_those_of_the_store(mnist_root):
    store, digits = read_mnist(mnist_root, train=False), read_digits(mnist_root, train=False, limit=7)
    assert digits.shape == (7, 1, 28, 28)
    assert (digits[6, 0] * 255).round().int().tolist() == store[6][:, :, 0].tolist()
    assert len(read_digits(mnist_root, train=False)) == 10_000


@pytest.mark.slow
def test_labels_belong_to_the_digits(mnist_root):
    assert read_labels(mnist_root, train=False)[:10].tolist() == [7, 2, 1, 0, 4, 1, 4, 9, 5, 9]
    assert len(read_labels(mnist_root, train=True)) == 60_000
