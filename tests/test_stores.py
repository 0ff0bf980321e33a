"""Files in folders and in remote stores: whole or not at all, and tried again."""

import builtins
import uuid

import pytest

from amortized_sr.image_io import ImageError
from amortized_sr.stores import is_address, store_at

NO_WAIT = (0.0, 0.0)

fsspec = pytest.importorskip("fsspec")
MemoryFileSystem = pytest.importorskip("fsspec.implementations.memory").MemoryFileSystem


@pytest.fixture(params=["folder", "file", "memory"])
def place(request, tmp_path):
    """A folder, the same as an address, and a store that is no folder."""
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/set"
    return f"{'' if request.param == 'folder' else 'file://'}{tmp_path / 'set'}"


def write(store, name, content):
    with store.writing(name) as file:
        file.write(content)


def test_what_is_written_is_listed_and_read(place):
    store = store_at(place)
    assert store.sizes() == {}
    write(store, "a.bin", b"one")
    write(store, "deep/er/b.bin", b"three")
    write(store, "a.bin", b"four")
    assert store.read("a.bin") == b"four"
    assert store.sizes() == {"a.bin": 4, "deep/er/b.bin": 5}
    # Another process may have written meanwhile.
    assert store_at(place).sizes() == store.sizes()


def test_a_file_that_fails_while_it_is_written_leaves_the_one_before(place):
    store = store_at(place)
    write(store, "a.bin", b"old")

    def fail():
        with store.writing("a.bin") as file:
            file.write(b"ne")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert store.read("a.bin") == b"old"
    assert store.sizes() == {"a.bin": 3}


def test_a_missing_file_is_a_sentence(place):
    with pytest.raises(ImageError, match=r"/set/no\.bin: no such file; check the path"):
        store_at(place).read("no.bin")


def test_drives_are_no_addresses():
    assert not is_address("C:/a")
    assert is_address("gs://bucket/a")


class FailingStore(MemoryFileSystem):
    """A store that refuses the first reads and writes, as under load."""

    failures = 0

    def _refuse(self):
        if FailingStore.failures:
            FailingStore.failures -= 1
            raise TimeoutError("slow down")

    def cat_file(self, *args, **kwargs):
        self._refuse()
        return super().cat_file(*args, **kwargs)

    def put_file(self, *args, **kwargs):
        self._refuse()
        return super().put_file(*args, **kwargs)


@pytest.fixture
def failing(monkeypatch):
    fsspec.register_implementation("failing", FailingStore, clobber=True)
    monkeypatch.setattr(FailingStore, "protocol", "failing")
    return f"failing://{uuid.uuid4().hex}/set"


def test_a_store_that_fails_for_a_while_is_asked_again(failing):
    store = store_at(failing, NO_WAIT)
    FailingStore.failures = 2
    write(store, "a.bin", b"one")
    FailingStore.failures = 2
    assert store.read("a.bin") == b"one"


def test_a_store_that_goes_on_failing_is_a_sentence_with_its_reason(failing):
    FailingStore.failures = 3
    with pytest.raises(ImageError, match=r"a\.bin: cannot be read \(slow down\); .*, or try later") as raised:
        store_at(failing, NO_WAIT).read("a.bin")
    assert "3 attempts failed" in str(raised.value)


@pytest.mark.parametrize(
    ("address", "sentence"),
    [("nosuchkind://a/b", "fsspec knows no such store"), ("s3://bucket/b", "this kind of store needs a package")],
)
def test_kinds_of_stores_that_are_not_installed_are_named(address, sentence):
    if address.startswith("s3"):
        try:
            import s3fs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("s3fs is installed")
    with pytest.raises(ImageError, match=sentence):
        store_at(address).read("a")


def test_without_fsspec_the_sentence_names_the_extra(monkeypatch):
    imported = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("fsspec"):
            raise ImportError(name)
        return imported(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImageError, match=r'pip install "amortized-sr\[stores\]"'):
        store_at("memory://a").read("b")
