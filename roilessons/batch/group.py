"""The same function for every subject of a group; who fails is reported, and the others are kept."""

import sys
import warnings
from collections import namedtuple
from contextlib import contextmanager

from roilessons.subject import load_subject

N_JOBS = 2  # processes of some 200 MiB each: a classroom's server has 1 GiB for everything
IDLE = 1  # second after which a process with nothing to do gives its memory back; joblib's own choice is 300
BAR = "{desc}: {n_fmt} of {total_fmt} |{bar:24}|"  # without times, so that it reads the same after every run

Group = namedtuple("Group", "results failed")


def progress(items, what, total=None):
    """A tqdm progress bar over `items` in plain text, which stays readable in a stored notebook."""
    from tqdm import tqdm

    return tqdm(items, what, total=total, bar_format=BAR, file=sys.stdout)


def each_subject(function, sources, n_jobs=N_JOBS):
    """Load every subject and call a function on it, several at a time.

    The work goes where `joblib.parallel_config` says: by default to processes on this machine, with
    ``backend="dask"`` to the cluster of the current Dask client.

    Parameters
    ----------
    function : callable
        From a `Subject` to anything that can be pickled; the smaller, the better.
    sources : sequence of str or Path
        What `load_subject` takes. No two the same.
    n_jobs : int
        How many at a time; on a Dask cluster its workers decide.

    Returns
    -------
    Group
        `results`, a dict from source to what `function` returned, and `failed`, a dict from source to one sentence;
        both in the order of `sources`.

    Raises
    ------
    ValueError
        If there are no sources, or one is there twice.
    RuntimeError
        If every subject failed.
    """
    from joblib import Parallel, delayed

    sources = list(sources)
    if not sources or len(set(map(str, sources))) < len(sources):
        raise ValueError("Give each subject once, and at least one.")
    parallel = Parallel(n_jobs=n_jobs, return_as="generator", idle_worker_timeout=IDLE)
    answers = parallel(delayed(_attempt)(function, source) for source in sources)
    group = Group({}, {})
    for source, (result, sentence) in zip(sources, progress(answers, "subjects", len(sources)), strict=True):
        if sentence:
            group.failed[source] = sentence
        else:
            group.results[source] = result
    if not group.results:
        raise RuntimeError(f"No subject could be done. The first, {sources[0]}: {group.failed[sources[0]]}")
    return group


def _attempt(function, source):
    """What `function` makes of one subject and None, or None and a sentence. Runs in a worker."""
    try:
        return function(load_subject(source)), None
    except (ValueError, OSError) as error:  # the course's own, each a sentence
        return None, str(error)
    except Exception as error:  # of any kind: one subject must not cost the others
        return None, f"{type(error).__name__}: {error}"


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
