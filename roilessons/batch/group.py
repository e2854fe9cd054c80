"""The same function for every subject of a group; who fails is reported, and the others are kept."""

import os
import sys
import threading
import time
import warnings
from collections import namedtuple
from contextlib import contextmanager, suppress

from roilessons import files
from roilessons.datasets.bids import Bids
from roilessons.subject import load_subject
from roilessons.volumes.reading import TooLittleMemory

N_JOBS = 2  # processes of some 200 MiB each: a classroom's server has 1 GiB for everything
PATIENCE = 10  # seconds without any Dask worker; joblib's own choice, see `wait_for_workers_timeout`
LOOK = 0.1  # seconds from one look at the Dask workers to the next
BAR = "{desc}: {n_fmt} of {total_fmt} |{bar:24}|"  # without times, so that it reads the same after every run
KILLED = (
    "The process that worked on it was killed before it was done, most likely because the memory was full: "
    "close other notebooks, then try this subject alone."
)

LONGEST = 1000  # signs of what an exception says

Group = namedtuple("Group", "results failed")


def progress(items, what, total=None):
    """A progress bar over `items` in plain text, which stays readable in a stored notebook.

    Parameters
    ----------
    items : iterable
    what : str
        What is counted.
    total : int, optional
        How many there are; by default the length of `items`.

    Returns
    -------
    tqdm.tqdm
        Gives the items, one after the other.
    """
    from tqdm import tqdm

    return tqdm(items, what, total=total, bar_format=BAR, file=sys.stdout)


def each_subject(function, sources, n_jobs=N_JOBS):
    """Load every subject and call a function on it, several at a time.

    By default this is done in processes on this machine; after ``joblib.parallel_config(backend="dask")`` by the workers
    of the current Dask client. A subject that raises an error, kills its process or returns what cannot be sent costs no
    other, and is not tried again.

    Parameters
    ----------
    function : callable
        From a `Subject` to anything that can be pickled; the smaller, the better.
    sources : iterable of str, Path or Bids
        What `load_subject` takes. No two the same.
    n_jobs : int
        How many processes; 1 for none but this one. Every Dask worker takes one subject at a time, whatever `n_jobs` is.

    Returns
    -------
    Group
        `results`, a dict from source to what `function` returned, and `failed`, a dict from source to one sentence;
        both in the order of `sources`.

    Raises
    ------
    TypeError
        If `sources` is one name, or something in it is none.
    ValueError
        If there are no sources, or one is there twice.
    RuntimeError
        If every subject failed.

    Notes
    -----
    An exception that ends the call before all is done, such as Ctrl-C, has what was finished as its attribute `group`:
    ``sys.last_value.group.results`` in the next cell.

    A subject that takes long is waited for, however long, as nobody can tell it from one that will never be done. Ctrl-C
    ends the call, says who was not finished, and loses nothing. With this process its workers end, also where it is killed.

    Where no Dask worker can be reached for 10 s, or for what ``parallel_config(..., wait_for_workers_timeout=seconds)``
    says, the subjects that are not finished are reported as failed.
    """
    from joblib import effective_n_jobs
    from joblib.parallel import get_active_backend

    sources = _distinct(sources)
    backend, _ = get_active_backend()
    if hasattr(backend, "client"):
        answers = _on_dask(backend.client, function, sources, backend.wait_for_workers_timeout or PATIENCE)
    elif (n_jobs := effective_n_jobs(n_jobs)) > 1:
        answers = _in_processes(function, sources, n_jobs)
    else:
        answers = ((source, _attempt(function, source)) for source in sources)
    results, failed = {}, {}
    try:
        for source, (result, sentence) in progress(answers, "subjects", len(sources)):
            if sentence:
                failed[source] = sentence
            else:
                results[source] = result
    except BaseException as stop:
        stop.group = Group(results, failed)
        missing = [str(source) for source in sources if source not in {**results, **failed}]  # those at work come first
        named = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if len(missing) > 5 else "")
        stop.add_note(
            f"Finished were {len(results)} of {len(sources)} subjects: sys.last_value.group.results has them. Not finished: {named}."
        )
        raise
    finally:
        answers.close()  # ends the processes, whatever happened
    if not results:
        nobody = RuntimeError(f"No subject could be done. The first, {sources[0]}: {failed[sources[0]]}")
        nobody.group = Group(results, failed)
        raise nobody
    return Group(*({source: found[source] for source in sources if source in found} for found in (results, failed)))


def _distinct(sources):
    """The sources as a list, each of them once, by whatever name."""
    if isinstance(sources, str | os.PathLike):
        raise TypeError(f"Give the subjects as a list, such as [{str(sources)!r}], also where there is one.")
    sources = list(sources)
    known = set()
    for source in sources:
        if not isinstance(source, str | os.PathLike | Bids):
            raise TypeError(f"A subject is named by a text or a path, not by {type(source).__name__}.")
        name = str(source)
        folder = os.path.expanduser(name)
        known.add(os.path.realpath(folder) if os.path.isdir(folder) else f"{name}:1" if name in ("simulated", "haxby") else name)
    if len(known) < len(sources) or not sources:
        raise ValueError("Give each subject once, and at least one.")
    return sources


def _attempt(function, source):
    """What `function` makes of one subject and None, or None and a sentence."""
    try:
        return function(load_subject(source)), None
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # of any kind, sys.exit() too: one subject must not cost the others
        return None, _sentence(error)


def _sentence(error):
    name = type(error).__name__
    if isinstance(error, KeyboardInterrupt):
        return "It was interrupted before it was done."
    try:
        text = " ".join(files.sentence(error).splitlines())
        text = text.encode("utf-8", "backslashreplace").decode()
    except BaseException:  # an exception may be of anybody's making, and fail to say what it is
        return f"{name}, which does not say why."
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]} ..."
    if text and isinstance(error, ValueError | OSError | TooLittleMemory):  # the course's own, each a sentence
        return text
    return f"{name}: {text}" if text else name


def _not_sent(error):
    if isinstance(error, KeyboardInterrupt):
        return _sentence(error)
    return f"The function or its result cannot be sent from one process to another ({_sentence(error)})."


def _in_processes(function, sources, n_jobs):
    """Yield each source and its answer (see `_attempt`), as they come.

    Every process has an executor of its own. An executor whose process is killed fails all that it was given, and so
    that is one subject.
    """
    from concurrent.futures import FIRST_COMPLETED, wait

    from joblib import cpu_count
    from joblib.externals.loky import ProcessPoolExecutor
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    threads = str(max(1, cpu_count() // n_jobs))
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    env = {name: os.environ.get(name, threads) for name in names}
    waiting, busy, executors = sources[::-1], {}, []  # busy: from future to source and executor

    def new():
        executors.append(ProcessPoolExecutor(1, env=env, initializer=_end_with, initargs=(os.getpid(),)))
        return executors[-1]

    def give(executor):
        source = waiting.pop()
        try:
            future = executor.submit(_attempt_in_a_process, function, source)
        except RuntimeError:  # its process was killed while it had nothing to do
            executor = new()
            future = executor.submit(_attempt_in_a_process, function, source)
        busy[future] = source, executor

    try:
        while len(busy) < n_jobs and waiting:
            give(new())
        while busy:
            for future in wait(busy, return_when=FIRST_COMPLETED).done:
                source, executor = busy.pop(future)
                error = future.exception()
                if waiting:
                    give(executor)
                else:  # gives its memory back while the others are still at work
                    executor.shutdown(kill_workers=True)
                if error is None:
                    yield source, future.result()
                else:
                    yield source, (None, KILLED if isinstance(error, TerminatedWorkerError) else _not_sent(error))
    finally:
        for executor in executors:
            executor.shutdown(kill_workers=True)


def _end_with(parent):
    """In a new process: end when the one that started it is gone, which could not tell us where it was killed."""
    import psutil

    def watch():
        while os.getppid() == parent and psutil.pid_exists(parent):  # each alone is not enough on one system or another
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _attempt_in_a_process(function, source):
    """As `_attempt`, in a process that takes another subject afterwards."""
    folder = os.getcwd()
    try:
        return _attempt(function, source)
    except KeyboardInterrupt as error:
        return None, _sentence(error)
    finally:
        with suppress(OSError):
            os.chdir(folder)  # a function may have gone elsewhere, and the next source be named from here


def _on_dask(client, function, sources, patience):
    """Yield each source and its answer (see `_attempt`), as they come.

    Each worker gets one subject at a time, and that subject nobody else: one who kills a worker is known, and kills no
    second. Workers that join get subjects, too.
    """
    waiting, busy = sources[::-1], {}  # from worker to source and future
    seen, probe = time.monotonic(), None
    try:
        while waiting or busy:
            workers = _workers(client)
            for worker, (source, future) in list(busy.items()):
                if future.done():
                    del busy[worker]
                    yield source, _collect(future)
                elif workers is not None and worker not in workers:
                    del busy[worker]
                    future.cancel()
                    yield source, (None, KILLED)
            for worker in set(workers or ()) - set(busy):
                if waiting:
                    source = waiting.pop()
                    try:
                        future = client.submit(_attempt_on_dask, function, source, workers=[worker], pure=False)
                    except Exception as error:
                        yield source, (None, _not_sent(error))
                    else:
                        busy[worker] = source, future
            if workers == [] and probe is None:  # an adaptive cluster starts workers when there is something to do
                probe = client.submit(time.monotonic, pure=False)
            if workers:
                seen = time.monotonic()
            elif time.monotonic() - seen > patience:
                break
            time.sleep(LOOK)
        for source in [*(source for source, _ in busy.values()), *waiting[::-1]]:
            yield source, (None, f"It was not finished: no Dask worker could be reached for {patience} s.")
    finally:
        for _, future in busy.values():
            future.cancel()


def _workers(client):
    """Addresses of the Dask workers; None where the scheduler does not answer."""
    try:
        return list(client.sync(client.scheduler.ncores, callback_timeout=PATIENCE))
    except Exception:  # of many kinds, as the connection is closed, lost or silent
        return None


def _collect(future):
    """The answer that a Dask worker has ready."""
    from dask.distributed import KilledWorker
    from distributed.protocol.pickle import loads

    if future.cancelled():  # not by us
        return None, "It was not finished: the connection to the Dask scheduler was lost."
    try:
        answer = future.result(timeout=60)  # it is ready; if its worker is gone, nobody will send it
    except KilledWorker:
        return None, KILLED
    except Exception as error:
        return None, _not_sent(error)
    if answer[1]:
        return answer
    try:
        return loads(answer[0]), None
    except BaseException as error:
        return None, _not_sent(error)


def _attempt_on_dask(function, source):
    """As `_attempt`, with the result as bytes: what Dask cannot send, it would try to send for ever."""
    from distributed.protocol.pickle import dumps

    try:
        result, sentence = _attempt(function, source)
    except KeyboardInterrupt as error:  # would end the worker
        result, sentence = None, _sentence(error)
    try:
        return dumps(result), sentence
    except BaseException as error:
        return None, _not_sent(error)


@contextmanager
def local_cluster(n_workers=N_JOBS):
    """A Dask cluster inside this process, to try things on: ``with local_cluster() as client``.

    Its workers are threads, and they talk to each other in memory: it needs no network, and nobody else on the machine
    can send it work. Status pages are served to this machine alone, at addresses nobody else has taken.

    Parameters
    ----------
    n_workers : int

    Yields
    ------
    dask.distributed.Client
    """
    from dask.distributed import Client, LocalCluster

    here = "127.0.0.1:0"  # by default the pages would be served to the whole network
    with warnings.catch_warnings():  # Dask wonders which of this machine's addresses is best; offline there is none
        warnings.filterwarnings("ignore", "Couldn't detect a suitable IP address", RuntimeWarning)
        cluster = LocalCluster(
            n_workers=n_workers, threads_per_worker=1, processes=False, dashboard_address=here, worker_dashboard_address=here,
            memory_limit=0,  # a worker would count the whole kernel's memory as its own, and stop
        )  # fmt: skip
    with cluster, Client(cluster) as client:
        yield client
