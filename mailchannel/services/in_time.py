"""Run jobs that talk to servers side by side, and stop waiting for them in time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Job(Generic[T]):
    """`run` is given what to report with. `failed` and `late` are the reports of one that broke or stalled."""

    run: Callable[[Callable[[T], None]], None]
    failed: Callable[[Exception], T]
    late: T


def gather(seconds: float, *jobs: Job[T]) -> list[T]:
    """What the jobs reported, job by job. What a stalled one said before is kept, followed by its `late`; its thread
    ends with the timeout of its own connection. Jobs do not touch the database: they run in threads of their own.
    """
    deadline = monotonic() + seconds
    running = [_Running(job) for job in jobs]
    return [report for each in running for report in each.reports(deadline)]


class _Running(Generic[T]):
    def __init__(self, job: Job[T]) -> None:
        self._job = job
        self._reports: SimpleQueue[T] = SimpleQueue()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._job.run(self._reports.put)
        except Exception as error:
            self._reports.put(self._job.failed(error))

    def reports(self, deadline: float) -> Iterator[T]:
        self._thread.join(max(0.0, deadline - monotonic()))
        stalled = self._thread.is_alive()
        while True:
            try:
                yield self._reports.get_nowait()
            except Empty:
                break
        if stalled:
            yield self._job.late
