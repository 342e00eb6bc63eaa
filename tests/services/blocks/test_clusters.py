"""Blocks computed elsewhere: the same labels, whoever computes them."""

from __future__ import annotations

import io
import json
import os
import stat
import sys
import threading

import numpy as np
import pytest
from block_kit import BLOCKS, OPTIONS, by_blocks
from block_kit import image as image
from block_kit import objects_model as objects_model
from block_kit import whole as whole

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Notice, finish
from napari_unet.services.blocks import job_array, processes, tasks, worker
from napari_unet.services.blocks.clusters import engine_of
from napari_unet.services.blocks.dask_cluster import connect, start_slurm
from napari_unet.services.blocks.job import Source
from napari_unet.services.blocks.job_array import JobArray, take_part
from napari_unet.services.blocks.run import segment_by_blocks, work_folder
from napari_unet.services.blocks.workspace import JOB
from napari_unet.services.files.images import open_labels

distributed = pytest.importorskip("distributed")


@pytest.fixture
def scheduler():
    """A scheduler with two workers, spoken to over the network."""
    with distributed.LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=False,
        protocol="tcp://",
        host="127.0.0.1",
        dashboard_address=None,
    ) as cluster:
        yield cluster


def test_a_dask_cluster_computes_the_same(image, tmp_path, objects_model, whole, scheduler):
    engine = engine_of(scheduler.scheduler_address.replace("tcp://", "dask://"))
    output = tmp_path / "out.zarr"
    job = segment_by_blocks(
        Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS, engine=engine
    )
    lost = False
    for step in job:
        if not lost and step.done > 0.1:
            # what a worker that dies was computing is computed by the other one
            scheduler.scale(1)
            lost = True
    assert lost
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_a_block_that_fails_on_a_cluster_is_named(
    image, tmp_path, objects_model, scheduler, monkeypatch
):
    real = tasks._outputs

    def failing(work, index):
        if index == 5:
            raise RuntimeError("The block is damaged")
        return real(work, index)

    monkeypatch.setattr(tasks, "_outputs", failing)
    engine = engine_of(scheduler.scheduler_address.replace("tcp://", "dask://"))
    with pytest.raises(UserError, match=r"block 1 \(Z=1 Y=0:64, X=64:100\): .*is damaged"):
        by_blocks(image, tmp_path / "out.zarr", objects_model, engine=engine)
    assert len(list((work_folder(tmp_path / "out.zarr") / "outputs").glob("*.npz"))) == 7


def test_workers_of_another_version_are_refused(image, tmp_path, objects_model, monkeypatch):
    monkeypatch.setattr("napari_unet.services.blocks.worker.__version__", "0.0.1")
    engine = Here(2)
    with pytest.raises(UserError, match=r"begun with U-Net Studio .*, here is 0\.0\.1"):
        by_blocks(image, tmp_path / "out.zarr", objects_model, engine=engine)


def test_a_scheduler_that_is_not_there_is_told(image, tmp_path, objects_model, monkeypatch):
    monkeypatch.setattr("napari_unet.services.blocks.dask_cluster.PATIENCE", 0.5)
    with pytest.raises(UserError, match="scheduler can't be reached"):
        by_blocks(image, tmp_path / "o.zarr", objects_model, engine=engine_of("dask://127.0.0.1:9"))


@pytest.mark.parametrize("text", ["local:0", "dusk://a", "slurm", "4"])
def test_what_is_no_cluster_is_refused(text):
    with pytest.raises(UserError, match="No cluster is called like this"):
        engine_of(text)


SBATCH = """#!/bin/sh
test "$1" = --test-only && exit 0
for last; do :; done
cp "$last" "$JOBS.sh"
sh "$JOBS.sh" > "$JOBS.log" 2>&1 &
echo $! >> "$JOBS"
echo "Submitted batch job $!"
"""


@pytest.mark.skipif(os.name == "nt", reason="SLURM runs on Linux")
def test_slurm_is_asked_for_workers(image, tmp_path, objects_model, whole, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    for name, text in (("sbatch", SBATCH), ("scancel", '#!/bin/sh\npkill -P "$1"\n')):
        (programs / name).write_text(text)
        (programs / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("JOBS", str(tmp_path / "jobs"))
    by_blocks(image, tmp_path / "out.zarr", objects_model, engine=engine_of("slurm:1"))
    np.testing.assert_array_equal(open_labels(tmp_path / "out.zarr").data[...], whole)
    assert len((tmp_path / "jobs").read_text().split()) == 1


@pytest.mark.skipif(os.name == "nt", reason="SLURM runs on Linux")
def test_no_slurm_and_one_that_refuses_are_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match=r"SLURM gives no jobs: .*sbatch"):
        start_slurm(1)
    (tmp_path / "sbatch").write_text("#!/bin/sh\necho no such account >&2\nexit 1\n")
    (tmp_path / "sbatch").chmod(stat.S_IRWXU)
    with pytest.raises(UserError, match="no such account"):
        start_slurm(1)


class Here(JobArray):
    """A job array whose jobs are threads, which share one copy of the network."""

    lock = threading.Lock()

    def run(self, work, stage, todo, ledger):
        if not self._told:
            for index in range(self._n):
                job = take_part(work.folder, index, self._n)
                threading.Thread(target=finish, args=(job,), daemon=True).start()
        yield from super().run(work, stage, todo, ledger)


@pytest.fixture(autouse=True)
def _in_turns(monkeypatch):
    real, lock = job_array.run_one, threading.Lock()

    def alone(*task):
        with lock:
            return real(*task)

    monkeypatch.setattr(job_array, "run_one", alone)
    monkeypatch.setattr(job_array, "LOOK", 0.02)


def test_a_job_array_computes_the_same(image, tmp_path, objects_model, whole):
    output = tmp_path / "out.zarr"
    folder = work_folder(output)
    job = segment_by_blocks(
        Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS, engine=Here(3)
    )
    told = [step.text for step in job if isinstance(step, Notice)]
    assert told == [
        f"Now start, for each K from 0 to 2: napari-unet blocks {folder} --index K --of 3"
    ]
    np.testing.assert_array_equal(open_labels(output).data[...], whole)
    assert not folder.exists()


def test_what_a_dead_job_leaves_is_computed_by_another(image, tmp_path, objects_model, whole):
    output = tmp_path / "out.zarr"
    job = segment_by_blocks(
        Source(path=str(image)), output, objects_model, OPTIONS, BLOCKS, engine=JobArray(2)
    )
    while not isinstance(next(job), Notice):
        pass
    # the second of two never comes
    share = take_part(work_folder(output), 0, 2, patience=0.05)
    others = threading.Thread(target=finish, args=(share,))
    others.start()
    finish(job)
    others.join()
    np.testing.assert_array_equal(open_labels(output).data[...], whole)


def test_a_share_of_nothing_is_refused(tmp_path):
    with pytest.raises(UserError, match="No run by blocks is waiting there"):
        finish(take_part(tmp_path, 0, 2))
    with pytest.raises(UserError, match="index 2 of 2"):
        finish(take_part(tmp_path, 2, 2))


def test_a_worker_answers_each_task_by_a_line(image, tmp_path, objects_model, monkeypatch, capsys):
    folder = work_folder(tmp_path / "o.zarr")
    job = segment_by_blocks(Source(path=str(image)), tmp_path / "o.zarr", objects_model, OPTIONS)
    while not (folder / JOB).exists():
        next(job)
    job.close()
    asked = [{"folder": str(folder), "stage": "outputs", "index": i} for i in (0, 999)]
    monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{json.dumps(a)}\n" for a in asked)))
    worker.main()
    done, failed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert done == {}
    assert "Error" in failed["error"]


@pytest.mark.parametrize(
    ("stated", "given"), [("3,5", ["3", "5", "3"]), ("4", ["4"] * 3), (None, ["0", "1", "0"])]
)
def test_processes_share_the_graphics_cards_there_are(monkeypatch, stated, given):
    started = []
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if stated is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", stated)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    monkeypatch.setattr(processes.subprocess, "Popen", lambda *_, env, **__: started.append(env))
    for number in range(3):
        processes._launch(number, 3)
    assert [env["CUDA_VISIBLE_DEVICES"] for env in started] == given


def test_without_dask_the_command_that_installs_it_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "dask_jobqueue", None)
    with pytest.raises(UserError, match='pip install "distributed" "dask-jobqueue"'):
        connect("tcp://127.0.0.1:9")
