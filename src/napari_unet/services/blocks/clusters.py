"""Who computes blocks: which engine a text stands for."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from napari_unet.core.errors import UserError
from napari_unet.services.blocks.dask_cluster import DaskCluster, connect, start_slurm
from napari_unet.services.blocks.engine import InProcess
from napari_unet.services.blocks.job_array import JobArray
from napari_unet.services.blocks.processes import Processes

if TYPE_CHECKING:
    from napari_unet.services.blocks.engine import Engine


def engine_of(cluster: str | None) -> Engine:
    """Return the engine that a text stands for.

    Parameters
    ----------
    cluster
        None: this process; ``"local:4"``: four processes of this computer; ``"dask://host:8786"``: the
        workers of a dask scheduler; ``"slurm:8"``: eight jobs that SLURM is asked for; ``"array:8"``: a
        job array of eight, or whatever else runs ``napari-unet blocks``.

    Raises
    ------
    UserError
        When it stands for none.
    """
    text = (cluster or "").strip()
    if not text:
        return InProcess()
    if text.startswith("dask://"):
        address = text.replace("dask://", "tcp://")
        return DaskCluster(lambda: connect(address))
    match = re.fullmatch(r"(local|slurm|array):([1-9]\d{0,3})", text)
    if match is None:
        raise UserError(
            "No cluster is called like this",
            value=cluster,
            rule="Blocks are computed by local:N processes of this computer, by the scheduler at "
            "dask://HOST:PORT, by slurm:N jobs or by an array:N of jobs.",
            remedy="Give one of these, such as local:4.",
        )
    n = int(match[2])
    if match[1] == "slurm":
        return DaskCluster(lambda: start_slurm(n))
    return Processes(n) if match[1] == "local" else JobArray(n)
