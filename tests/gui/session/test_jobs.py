"""Jobs beside the window: delivered on the main thread, cancelled, closed, never in its way."""

from __future__ import annotations

import gc
import threading
import time

import gui_kit  # noqa: F401 - skips where there is no viewer
import pytest
from napari.utils import progress
from qtpy.QtCore import QObject

from napari_unet.core.errors import UserError
from napari_unet.core.progress import Progress
from napari_unet.gui.session.activity import Activity
from napari_unet.gui.session.jobs import Jobs
from napari_unet.gui.session.responsiveness import torch_ready

MAIN = threading.get_ident()


@pytest.fixture
def jobs(qtbot):
    parent = QObject()
    jobs = Jobs(parent)
    jobs.parent_kept_alive = parent
    yield jobs
    jobs.abandon()


class Steps:
    """A job that counts, notes its threads, and can be held up."""

    def __init__(self, n, pause=0.0, fail=None):
        self.n, self.pause, self.fail = n, pause, fail
        self.ran_in = self.closed_in = None

    def __call__(self):
        self.ran_in = threading.get_ident()
        try:
            for i in range(self.n):
                time.sleep(self.pause)
                yield Progress(i + 1, self.n, f"step {i}")
            if self.fail is not None:
                raise self.fail
        finally:
            self.closed_in = threading.get_ident()
        return "result"


def ended(jobs, qtbot):
    """Wait for the end of the job and return how it ended."""
    with qtbot.waitSignal(jobs.ended, timeout=10_000) as blocker:
        pass
    return blocker.args[0]


def test_every_step_and_the_result_arrive_on_the_main_thread(jobs, qtbot):
    steps, seen, results = Steps(500), [], []
    jobs.start(
        "counting",
        steps(),
        on_step=lambda p: seen.append((p.done, threading.get_ident())),
        on_end=lambda o: results.append((o.result, threading.get_ident())),
    )
    outcome = ended(jobs, qtbot)
    assert seen == [(i + 1, MAIN) for i in range(500)]
    qtbot.waitUntil(lambda: results == [("result", MAIN)])
    assert (outcome.result, outcome.error, outcome.cancelled) == ("result", None, False)
    assert steps.ran_in not in (None, MAIN)
    assert not jobs.running


def test_cancel_closes_the_generator_in_its_own_thread_and_drops_what_comes_late(jobs, qtbot):
    steps, seen = Steps(10_000, pause=0.01), []
    jobs.start("counting", steps(), on_step=seen.append)
    qtbot.waitUntil(lambda: len(seen) > 0)
    count = len(seen)
    jobs.cancel()
    outcome = ended(jobs, qtbot)
    assert outcome.cancelled
    assert outcome.result is None
    assert len(seen) == count
    assert steps.closed_in == steps.ran_in != MAIN


def test_a_job_cancelled_in_its_last_step_counts_as_cancelled(jobs, qtbot):
    jobs.start("counting", Steps(3)())
    time.sleep(0.2)
    jobs.cancel()
    assert ended(jobs, qtbot).cancelled


@pytest.mark.parametrize(
    "error", [ValueError("oh"), UserError("Bad", rule="Good.", remedy="Mend.")]
)
def test_an_error_of_the_job_is_handed_over(jobs, qtbot, error):
    jobs.start("failing", Steps(2, fail=error)())
    assert ended(jobs, qtbot).error is error


def test_an_error_while_a_step_is_shown_ends_the_job(jobs, qtbot):
    error, steps = RuntimeError("layer gone"), Steps(10_000, pause=0.01)

    def fail(_):
        raise error

    jobs.start("counting", steps(), on_step=fail)
    assert ended(jobs, qtbot).error is error
    assert steps.closed_in == steps.ran_in


def test_the_second_job_is_told_to_wait_and_to_what_it_waits_for(jobs, qtbot):
    jobs.start("Segmenting cells", Steps(10_000, pause=0.01)())
    with pytest.raises(UserError, match="Segmenting cells is still running"):
        jobs.start("Loading", Steps(1)())
    jobs.cancel()
    ended(jobs, qtbot)
    jobs.start("Loading", Steps(1)())
    assert ended(jobs, qtbot).result == "result"


def test_the_end_of_a_job_may_start_the_next(jobs, qtbot):
    outcomes = []
    jobs.ended.connect(outcomes.append)
    jobs.start("first", Steps(1)(), on_end=lambda _: jobs.start("second", Steps(1)()))
    qtbot.waitUntil(lambda: len(outcomes) == 2, timeout=10_000)
    assert not jobs.running


def test_an_abandoned_job_is_closed_and_says_nothing(jobs, qtbot):
    steps, seen = Steps(10_000, pause=0.01), []
    jobs.ended.connect(seen.append)
    jobs.start("counting", steps(), on_end=seen.append)
    qtbot.waitUntil(lambda: steps.ran_in is not None)
    jobs.abandon()
    qtbot.waitUntil(lambda: steps.closed_in is not None)
    qtbot.wait(300)
    assert seen == []


def test_a_fast_job_does_not_hold_up_the_window(jobs, qtbot, monkeypatch):
    """With no time for more than a step at once, the window has its turn after each of them."""
    monkeypatch.setattr("napari_unet.gui.session.jobs.DELIVERY_BUDGET_S", -1.0)
    seen, looks = [], []
    jobs.progressed.connect(lambda _: looks.append(len(seen)))
    jobs.start("counting", Steps(20)(), on_step=seen.append)
    qtbot.waitUntil(lambda: not jobs.running, timeout=20_000)
    assert looks == list(range(1, 21))


def test_progress_is_signalled_once_a_look_however_fast_the_job(jobs, qtbot):
    signals = []
    jobs.progressed.connect(signals.append)
    steps = Steps(500)
    jobs.start("counting", steps())
    jobs.wait()
    qtbot.waitUntil(lambda: not jobs.running, timeout=20_000)
    assert [progress.done for progress in signals] == [500]


def test_the_garbage_collector_goes_back_to_all_objects_after_the_last_job(jobs, qtbot):
    other = Jobs(jobs)
    jobs.start("short", Steps(5, pause=0.02)())
    other.start("long", Steps(20, pause=0.05)())
    qtbot.waitUntil(lambda: not jobs.running, timeout=10_000)
    assert gc.get_freeze_count() > 0
    qtbot.waitUntil(lambda: not other.running, timeout=10_000)
    assert gc.get_freeze_count() == 0


def test_waiting_for_torch_can_be_cancelled(jobs, qtbot, monkeypatch):
    release = threading.Event()
    thread = threading.Thread(target=release.wait)
    thread.start()
    monkeypatch.setattr("napari_unet.gui.session.responsiveness._torch_thread", lambda: thread)
    jobs.start("Loading", torch_ready())
    qtbot.wait(100)
    jobs.cancel()
    assert ended(jobs, qtbot).cancelled
    release.set()


def test_a_job_that_gives_way_waits_and_goes_on(jobs, qtbot):
    patient, signals = [], []
    jobs.resumed.connect(signals.append)
    jobs.start("patient", Steps(10_000, pause=0.01)(), on_step=patient.append, gives_way=True)
    qtbot.waitUntil(lambda: len(patient) > 3, timeout=10_000)
    assert jobs.at_work
    assert not jobs.running
    jobs.start("urgent", Steps(30, pause=0.02)())
    assert jobs.title == "urgent"
    qtbot.wait(200)
    before = len(patient)
    assert ended(jobs, qtbot).result == "result"
    assert len(patient) == before
    assert signals == ["patient"]
    qtbot.waitUntil(lambda: len(patient) > before + 3, timeout=10_000)
    with pytest.raises(UserError, match="patient is still running"):
        jobs.start("another", Steps(1)(), gives_way=True)
    jobs.cancel()
    assert ended(jobs, qtbot).cancelled
    assert not jobs.at_work


def test_a_job_that_waits_can_be_cancelled_by_itself(jobs, qtbot):
    ends = []
    task = jobs.start("patient", Steps(10_000)(), on_end=ends.append, gives_way=True)
    jobs.start("urgent", Steps(20, pause=0.02)(), on_end=ends.append)
    jobs.cancel(task)
    qtbot.waitUntil(lambda: len(ends) == 2, timeout=10_000)
    assert [end.cancelled for end in ends] == [False, True]
    assert not jobs.at_work


def test_a_waiting_job_is_closed_with_the_viewer(jobs, qtbot):
    patient = Steps(10_000, pause=0.01)
    jobs.start("patient", patient(), gives_way=True)
    qtbot.waitUntil(lambda: patient.ran_in is not None)
    jobs.start("urgent", Steps(10_000, pause=0.01)())
    jobs.abandon()
    qtbot.waitUntil(lambda: patient.closed_in is not None)
    assert not jobs.at_work


def test_the_activity_dock_has_an_entry_while_a_job_is_at_work(jobs, qtbot):
    def entries():
        return [entry.desc.rstrip(": ") for entry in progress._all_instances]

    activity = Activity(jobs)
    jobs.start("counting slowly", Steps(60, pause=0.02)())
    assert "counting slowly" not in entries(), "not in the same breath as what else a click does"
    qtbot.waitUntil(lambda: "counting slowly" in entries(), timeout=10_000)
    qtbot.waitUntil(lambda: any(entry.n > 0 for entry in progress._all_instances), timeout=10_000)
    ended(jobs, qtbot)
    assert "counting slowly" not in entries()
    assert activity.parent() is jobs


def test_a_job_that_goes_with_its_viewer_makes_no_entry(jobs, qtbot):
    activity = Activity(jobs)
    jobs.start("never seen", Steps(60, pause=0.02)())
    jobs.abandon()
    qtbot.wait(300)
    assert "never seen" not in [entry.desc.rstrip(": ") for entry in progress._all_instances]
    assert activity.parent() is jobs
