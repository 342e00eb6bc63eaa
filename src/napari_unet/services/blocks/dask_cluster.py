"""Blocks computed by the workers of a dask scheduler, or by jobs that SLURM is asked for."""

from __future__ import annotations

import subprocess
import threading
from collections import Counter
from concurrent.futures import CancelledError
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Job, Progress
from napari_unet.services.blocks.engine import ATTEMPTS, Ledger
from napari_unet.services.blocks.worker import run_one

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_unet.services.blocks.workspace import Workspace

WAIT = 0.2
"""Seconds between two chances to cancel."""
PATIENCE = 10
"""Seconds in which a scheduler must answer."""
JOB = {"cores": 4, "memory": "16GB", "processes": 1}
"""What a job of SLURM is given where dask's own configuration says nothing."""

_one_at_a_time = threading.Lock()


class DaskCluster:
    """Runs tasks on the workers of a dask scheduler.

    Parameters
    ----------
    connected
        Returns a client of `distributed`, which is asked for when it is needed first. All workers must
        see the folder of the run under the same path.
    """

    def __init__(self, connected: Callable[[], Any]) -> None:
        self._connected = connected
        self._client: Any = None

    def run(self, work: Workspace, stage: str, tasks: Sequence[int], ledger: Ledger) -> Job[None]:
        """Run some tasks of a stage.

        Raises
        ------
        UserError
            When the scheduler can't be reached, or not any more.
        """
        from distributed.client import wait

        client = self._client = self._client or self._connected()
        attempts: Counter[int] = Counter()
        futures = {self._submit(work, stage, index): index for index in tasks}
        try:
            while futures:
                note = stage if client.scheduler_info()["workers"] else "waiting for workers"
                yield Progress(ledger.done, 0, note)
                try:
                    with client.as_current():
                        finished = wait(list(futures), WAIT, "FIRST_COMPLETED").done
                except TimeoutError:
                    if client.status != "running":
                        raise _lost() from None
                    continue
                for future in finished:
                    index, cause = futures.pop(future), _cause(future)
                    attempts[index] += 1
                    if not cause:
                        ledger.done += 1
                    elif attempts[index] < ATTEMPTS:
                        futures[self._submit(work, stage, index)] = index
                    else:
                        ledger.failed[index] = cause
        except (CancelledError, OSError) as error:
            raise _lost() from error
        finally:
            if client.status == "running":
                client.cancel(list(futures), force=True)

    def close(self) -> None:
        """Leave the scheduler; workers that were asked for end."""
        if self._client is not None:
            cluster = self._client.cluster
            self._client.close()
            if cluster is not None:
                cluster.close()
            self._client = None

    def _submit(self, work: Workspace, stage: str, index: int) -> Any:
        return self._client.submit(run_alone, str(work.folder), stage, index, pure=False)


def run_alone(folder: str, stage: str, index: int) -> str:
    """Run a task as `run_one` does, one at a time in each process: a worker may have several threads."""
    with _one_at_a_time:
        return run_one(folder, stage, index)


def connect(address: str) -> Any:
    """Return a client of a scheduler.

    Parameters
    ----------
    address
        Such as ``tcp://host:8786``.

    Raises
    ------
    UserError
        When dask is not installed, or no scheduler answers there.
    """
    client = _distributed().Client
    try:
        return client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(
            "The scheduler can't be reached",
            value=address.replace("tcp://", "dask://"),
            rule=f"A dask scheduler must answer there within {PATIENCE} s.",
            remedy="Start one with 'dask scheduler', workers with 'dask worker', or mend the address.",
        ) from error


def start_slurm(n: int) -> Any:
    """Ask SLURM for jobs that work for this process, and return a client of them.

    Parameters
    ----------
    n
        Number of jobs. Queue, account, time, cores and memory of each come from dask's configuration,
        ``jobqueue.slurm``.

    Raises
    ------
    UserError
        When dask is not installed, or SLURM is not there or refuses.
    """
    client = _distributed().Client
    import dask
    from dask_jobqueue import SLURMCluster

    unsaid = {k: v for k, v in JOB.items() if dask.config.get(f"jobqueue.slurm.{k}", None) is None}
    # any free port: runs side by side would each want the same one
    dashboard = {"dashboard_address": ":0"}
    cluster = SLURMCluster(scheduler_options=dashboard, **unsaid)
    refused = _refusal(cluster.job_script())
    if refused:
        cluster.close()
        raise UserError(
            "SLURM gives no jobs",
            value=refused,
            rule="'sbatch' must be there and accept what ~/.config/dask/jobqueue.yaml asks for.",
            remedy="Mend that file, start on a machine of the cluster, or use array:N.",
        )
    cluster.scale(jobs=n)
    return client(cluster, set_as_default=False)


def _refusal(script: str) -> str:
    """Ask SLURM whether it would take a job; return why not, empty if it would."""
    # what is refused later is only logged by dask
    with TemporaryDirectory() as folder:
        path = Path(folder) / "job.sh"
        path.write_text(script, "utf-8")
        command = ["sbatch", "--test-only", str(path)]
        try:
            end = subprocess.run(command, capture_output=True, text=True, check=False)
        except OSError as error:
            return str(error)
    return (end.stderr.strip() or f"status {end.returncode}") if end.returncode else ""


def _distributed() -> Any:
    try:
        import dask_jobqueue  # noqa: F401 - comes with it
        import distributed
    except ImportError as error:
        raise UserError(
            "dask is not installed",
            value=error.name,
            rule="A cluster is worked with through dask.",
            remedy='Run pip install "distributed" "dask-jobqueue", or use local:N or array:N.',
        ) from error
    return distributed


def _cause(future: Any) -> str:
    """Return why a task failed; empty if it did not."""
    if future.status == "finished":
        return str(future.result())
    if future.status == "cancelled":
        raise CancelledError
    error = future.exception()
    return f"{type(error).__name__}: {error}"


def _lost() -> UserError:
    return UserError(
        "The scheduler is gone",
        rule="It must run until all blocks are done.",
        remedy="Start it again, and the same line: it goes on where it was.",
    )
