"""A batch on Ray's workers: the outputs of one process, a result for every file, whatever dies."""

import json
import os
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import pytest
from batch_files import contents, picture, tree

from amortized_sr import stores
from amortized_sr.batch import ray_run, work
from amortized_sr.batch.engines import Engines, UnusableError
from amortized_sr.batch.options import BatchOptions
from amortized_sr.batch.plan import plan_batch
from amortized_sr.batch.ray_run import Cluster, collect, run_on_ray
from amortized_sr.batch.ray_worker import Result, Task, Worker
from amortized_sr.batch.report import Report
from amortized_sr.batch.run import open_manifest
from amortized_sr.batch.run import run as run_batch
from amortized_sr.compute import Compute
from amortized_sr.pictures.options import PictureOptions
from amortized_sr.sizes import SizeRequest


@pytest.fixture
def options(small_weights):
    return BatchOptions(
        PictureOptions(SizeRequest(2.0)), str(small_weights), Compute("cpu"), resume=True, engine="numpy"
    )


@pytest.fixture
def many():
    """A folder of thirty pictures, one of them broken."""
    for number in range(30):
        picture(f"in/{number:02d}.png", seed=number)
    Path("in/07.png").write_bytes(Path("in/07.png").read_bytes()[:90])


def report_of():
    return Report(as_json=True, quiet=False, verbose=False)


def plain(options):
    """The batch in one process, into `plain`."""
    run_batch(plan_batch([Path("in")], options, Path("plain")), options, report_of())
    return contents("plain")


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


# --- without Ray: what happens to results, with workers in this process ---


def run_with(schedule: Callable, options, monkeypatch, **cluster):
    """Run a batch whose tasks are done by `schedule(worker, tasks, at_once)` in this process."""
    monkeypatch.setattr(ray_run, "check_ray", lambda: None)
    monkeypatch.setattr(ray_run, "_ray", lambda workers: nullcontext(0))
    monkeypatch.setattr(
        ray_run, "_scheduled", lambda tasks, at_once, workers, gpus, worker: schedule(Worker(*worker), tasks, at_once)
    )
    place = cluster.get("place")
    plan = plan_batch([Path("in")], options, Path("out"), in_store=place is not None)
    report = report_of()
    run_on_ray(plan, options, report, Cluster(2, folder=Path("out"), **cluster))
    return report.finish()


def all_done(worker, tasks, at_once):
    for task in reversed(tasks):
        yield task.number, worker.result_of(task).to_json()


@pytest.mark.usefixtures("many")
def test_every_file_has_a_result_and_outputs_are_those_of_one_process(options, monkeypatch, capfd):
    assert run_with(all_done, options, monkeypatch) == 1
    out, err = capfd.readouterr()
    assert len(lines(out)) == 30
    assert [line["input"] for line in lines(out) if line["status"] == "failed"] == ["in/07.png"]
    assert "error: in/07.png: the file is damaged" in err
    assert contents("out") == plain(options)
    # A batch of one process goes on from it, and the other way round.
    capfd.readouterr()
    run_batch(plan_batch([Path("in")], options, Path("out")), options, report_of())
    assert [line["status"] for line in lines(capfd.readouterr().out)].count("skipped") == 29
    (Path("out") / "03_x2.png").unlink()
    run_with(all_done, options, monkeypatch)
    assert [line["status"] for line in lines(capfd.readouterr().out)].count("done") == 1


@pytest.mark.usefixtures("many")
def test_results_that_are_lost_are_asked_for_again_one_by_one_and_what_stays_lost_is_a_row(options, monkeypatch, capfd):
    rounds = []

    def losing(worker, tasks, at_once):
        rounds.append((len(tasks), at_once))
        for task in tasks:
            if len(rounds) == 1 and task.number >= 20:
                raise RuntimeError("the cluster\nis gone")
            if task.number not in (4, 5) or (len(rounds) == 2 and task.number == 5):
                result = task.number, worker.result_of(task).to_json()
                yield result
                yield result  # As after a retry.

    assert run_with(losing, options, monkeypatch) == 1
    assert rounds == [(30, 1), (12, 1)]
    said = lines(capfd.readouterr().out)
    assert len(said) == 30
    failed = {line["input"]: line["error"] for line in said if line["status"] == "failed"}
    assert set(failed) == {"in/04.png", "in/07.png"}
    assert failed["in/04.png"].startswith("in/04.png: no result came back, Ray failed (the cluster is gone); resume")
    assert len(contents("out")) == 28


@pytest.mark.usefixtures("many")
def test_files_go_to_workers_in_tasks_of_several(options):
    plan = plan_batch([Path("in")], options, Path("out"))
    jobs, seen = dict(enumerate(plan.jobs * 20)), []
    cluster = Cluster(2)
    collect(jobs, lambda tasks, at_once: seen.append(at_once) or [], report_of(), open_manifest(plan, options), cluster)
    assert seen == [16, 1]
    assert jobs == {}


def test_an_error_of_the_program_is_the_row_of_its_file(options, monkeypatch):
    worker = Worker(options, 3, "run")
    monkeypatch.setattr(work, "convert", lambda *_: 1 / 0)
    result = Result.from_json(worker.result_of(Task(0, str(picture("a.png")), "b.png")).to_json())
    assert result.failed == (
        "a.png", "the worker ran into ZeroDivisionError (division by zero)",
        "upscale this file without Ray, which shows where", None,
    )  # fmt: skip


def test_a_file_whose_worker_dies_each_time_is_given_up_and_no_mark_stays(options, monkeypatch, tmp_path):
    class DeadError(BaseException):
        pass

    def die(*_):
        raise DeadError

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    worker, task = Worker(options, 3, "run"), Task(5, str(picture("a.png")), "b.png")
    assert worker.result_of(task).finished is not None
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        patch.setattr(work, "convert", die)
        for _ in range(3):
            with pytest.raises(DeadError):
                worker.result_of(task)
    failed = worker.result_of(task).failed
    assert failed is not None
    assert failed[1] == "its worker died 3 times"
    assert not list(tmp_path.glob("amortized_sr_*"))


def test_a_model_that_cannot_be_used_ends_the_batch(options, monkeypatch):
    def no_model(*_):
        raise UnusableError("no such model")

    picture("in/a.png")
    monkeypatch.setattr(Engines, "of", no_model)
    with pytest.raises(UnusableError, match="no such model"):
        run_with(all_done, options, monkeypatch)


@pytest.mark.usefixtures("many")
def test_outputs_go_to_a_store_and_what_is_there_is_not_made_again(options, monkeypatch, capfd, tmp_path):
    place = f"file://{tmp_path / 'store'}"
    assert run_with(all_done, options, monkeypatch, place=place) == 1
    said = lines(capfd.readouterr().out)
    assert said[0]["output"] == f"{place}/29_x2.png"
    assert contents(str(tmp_path / "store")) == plain(options)
    assert not Path("out").exists()
    capfd.readouterr()
    assert run_with(all_done, options, monkeypatch, place=place) == 1
    statuses = [line["status"] for line in lines(capfd.readouterr().out)]
    assert (statuses.count("skipped"), statuses.count("failed")) == (29, 1)


@pytest.mark.usefixtures("many")
def test_two_runs_into_one_folder_do_no_harm_and_write_the_same_bytes(options, monkeypatch, capfd):
    inside = []

    def with_another(worker, tasks, at_once):
        for task in tasks:
            if task.number == 12 and not inside:
                inside.append(run_with(all_done, options, monkeypatch))
            yield task.number, worker.result_of(task).to_json()

    assert run_with(with_another, options, monkeypatch) == 1
    assert inside == [1]
    said = lines(capfd.readouterr().out)
    assert len(said) == 30
    assert [line["status"] for line in said].count("failed") == 1
    assert contents("out") == plain(options)


@pytest.mark.usefixtures("many")
def test_inputs_come_from_a_store(options, monkeypatch, capfd):
    monkeypatch.setattr(ray_run, "check_ray", lambda: None)
    monkeypatch.setattr(ray_run, "_ray", lambda workers: nullcontext(0))
    monkeypatch.setattr(
        ray_run, "_scheduled", lambda tasks, at_once, workers, gpus, worker: all_done(Worker(*worker), tasks, 1)
    )
    address = f"file://{Path('in').absolute()}"
    picture("in/deep/a.png"), picture("in/.hidden/b.png")
    for expected in ("done", "skipped"):
        plan, report = plan_batch([address], options, Path("out"), recursive=True), report_of()
        run_on_ray(plan, options, report, Cluster(1))
        assert report.finish() == 1
        said = {line["input"]: line["status"] for line in lines(capfd.readouterr().out)}
        assert said.pop(f"{address}/07.png") == "failed"
        assert said == {
            f"{address}/{name}": expected for name in [*(f"{n:02d}.png" for n in range(30) if n != 7), "deep/a.png"]
        }
    assert {name: content for name, content in contents("out").items() if "/" not in name} == plain(options)
    assert [job.source.address for job in plan_batch([f"{address}/00.png"], options, Path("out")).jobs] == [
        f"{address}/00.png"
    ]
    ((_, error),) = plan_batch([f"file://{Path('none').absolute()}"], options, Path("out")).failures
    assert "no image files at this address" in str(error)


@pytest.mark.usefixtures("many")
def test_a_store_that_refuses_an_output_is_the_row_of_its_file(options, monkeypatch, capfd, tmp_path):
    put = stores._put

    def refusing(files, local, path):
        if path.endswith("05_x2.png"):
            raise TimeoutError("the store is full")
        put(files, local, path)

    monkeypatch.setattr(stores, "_put", refusing)
    monkeypatch.setattr(stores.time, "sleep", lambda _: None)
    assert run_with(all_done, options, monkeypatch, place=f"file://{tmp_path / 'store'}") == 1
    failed = [line for line in lines(capfd.readouterr().out) if line["status"] == "failed"]
    assert [line["input"] for line in failed] == ["in/07.png", "in/05.png"]
    assert "05_x2.png: cannot be written (the store is full); " in failed[1]["error"]


# --- the command line ---


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["a.png", "--workers", "2"], "--workers is for --engine ray, whose processes it counts; the engine is auto"),
        (["s3://bucket/a.png", "-o", "out"], "addresses of stores, such as s3://bucket/a.png, are for --engine ray"),
        (["a.png", "-o", "s3://bucket/out"], "addresses of stores, such as s3://bucket/out, are for --engine ray"),
        (["-", "-o", "b.png", "--engine", "ray"], "--engine ray takes files, not pipes; leave it out"),
        (["s3://bucket/a.png", "--engine", "ray"], "the outputs of s3://bucket/a.png need a place; name a folder or"),
        (["a.png", "--engine", "ray"], 'the engine ray needs Ray; install it with: pip install "amortized-sr[ray]"'),
    ],
)
def test_what_ray_cannot_do_is_wrong_usage(cli, monkeypatch, words, sentence):
    monkeypatch.setitem(sys.modules, "ray", None)
    picture("a.png")
    result = cli("upscale", "-s", 2, *words)
    assert result.code == 2
    assert sentence in result.complaint
    assert tree() == {"a.png"}


# --- with Ray ---


def kill_one_worker(started: threading.Event) -> None:
    """Kill a process that upscales, once it does."""
    started.wait(60)
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        if b"MapWorker" in status.read_bytes():
            os.kill(int(status.parent.name), signal.SIGKILL)
            return


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # Ray's own, about itself.
def test_a_killed_worker_and_a_file_that_kills_its_worker_cost_no_other_file(options, many, capfd, monkeypatch):
    pytest.importorskip("ray", reason="needs Ray: pip install amortized-sr[ray]")
    plan, report, started = plan_batch([Path("in")], options, Path("out")), report_of(), threading.Event()

    def die_for_one_file() -> None:
        read = work.read_image
        work.read_image = lambda path, *rest: os._exit(1) if path.name == "11.png" else read(path, *rest)

    killer = threading.Thread(target=kill_one_worker, args=(started,))
    killer.start()
    done = report.done
    monkeypatch.setattr(report, "done", lambda *facts: started.set() or done(*facts))
    run_on_ray(plan, options, report, Cluster(2, begin=die_for_one_file))
    killer.join()
    assert report.finish() == 1
    said = lines(capfd.readouterr().out)
    assert len(said) == 30
    failed = {line["input"]: line["error"] for line in said if line["status"] == "failed"}
    assert set(failed) == {"in/07.png", "in/11.png"}
    assert failed["in/11.png"].startswith(f"{Path('in/11.png')}: its worker died 3 times; give workers more memory")
    expected = plain(options)
    del expected["11_x2.png"]
    assert contents("out") == expected
