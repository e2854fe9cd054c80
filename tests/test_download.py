"""The real download against a server on loopback that plays the Haxby host, good and bad."""

import hashlib
import io
import tarfile
import time
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import nibabel as nib
import numpy as np
import pytest
from conftest import AFFINE, small_series, write_subject
from nilearn import datasets

import roilessons as rl
from roilessons.datasets import cache

ARCHIVE = "/subj1-2010.01.14.tar.gz"
OFFLINE = "load_subject\\('simulated'\\) gives a subject that needs no network"
EXTRA = ("mask8b_face_vt", "mask8b_house_vt", "mask8_face_vt", "mask8_house_vt", "anat")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What the host serves: {address: content}."""
    top = tmp_path_factory.mktemp("host")
    data, conditions, runs = small_series()
    folder = write_subject(top / "subj1", data, conditions, runs)
    for name in EXTRA:
        nib.save(nib.Nifti1Image(np.ones(data.shape[:3], np.uint8), AFFINE), folder / f"{name}.nii.gz")
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        tar.add(folder, "subj1")
    sums = f"{hashlib.md5(packed.getvalue()).hexdigest()}  {ARCHIVE[1:]}\n"
    mask = (folder / "mask4_vt.nii.gz").read_bytes()
    return {ARCHIVE: packed.getvalue(), "/MD5SUMS": sums.encode(), "/mask.nii.gz": mask}


class Host:
    """A host of `files` on loopback; `asked` collects (address, Range header), and what is set here makes it bad."""

    def __init__(self, files):
        self.files, self.asked = dict(files), []
        self.stop_after, self.pause, self.missing = None, 0, set()
        host = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                host.answer(self)

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/"

    def answer(self, request):
        span = request.headers.get("Range")
        self.asked.append((request.path, span))
        if request.path in self.missing:
            return request.send_error(404)
        content = self.files[request.path]
        first = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
        request.send_response(206 if span else 200)
        if span:
            request.send_header("Content-Range", f"bytes {first}-{len(content) - 1}/{len(content)}")
        request.send_header("Content-Length", str(len(content) - first))
        request.end_headers()
        stop = self.stop_after if self.stop_after and request.path == ARCHIVE else len(content)
        for start in range(first, stop, 20_000):
            request.wfile.write(content[start : min(start + 20_000, stop)])
            time.sleep(self.pause)


@pytest.fixture
def host(files, tmp_path, monkeypatch):
    """The host, where `load_subject("haxby")` now goes, with an empty data folder."""
    from nilearn.datasets import func

    host = Host(files)
    fetch_files = func.fetch_files

    def from_host(folder, wanted, **options):  # the mask has an address of its own
        return fetch_files(folder, [(f, u.replace(NITRC, host.url), o) for f, u, o in wanted], **options)

    monkeypatch.setattr(func, "fetch_files", from_host)
    monkeypatch.setattr(datasets, "fetch_haxby", partial(datasets.fetch_haxby, url=host.url))
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    for name in ("NILEARN_SHARED_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    yield host
    host.server.shutdown()
    host.server.server_close()


NITRC = "https://www.nitrc.org/frs/download.php/7868/"


def assert_right(subject, folder):
    assert subject.name == "Haxby subject 1" and subject.func == folder / cache.HAXBY / "subj1/bold.nii.gz"
    assert subject.mask == folder / cache.HAXBY / "mask.nii.gz" and subject.anat
    np.testing.assert_array_equal(np.asarray(nib.load(subject.func).dataobj), small_series()[0])


def refused(words):
    """`load_subject("haxby")` fails with these words and the offline choice, in one line."""
    with pytest.raises(ConnectionError, match=words) as caught:
        rl.load_subject("haxby")
    assert caught.match(OFFLINE) and "\n" not in str(caught.value)


def taken_for_data(folder):
    return sorted(path.name for path in (folder / cache.HAXBY).glob("subj1*"))


@pytest.mark.parametrize("pause", [0, 0.1], ids=["good", "slow"])
def test_good_and_slow(host, tmp_path, pause, capsys):
    host.pause = pause
    assert_right(rl.load_subject("haxby"), tmp_path)
    assert "Downloading subject 1 of Haxby" in capsys.readouterr().out
    asked = len(host.asked)
    assert_right(rl.load_subject("haxby:1"), tmp_path)
    assert len(host.asked) == asked and not capsys.readouterr().out, "the second time no network is needed"


def test_cut_half_way_and_resumed(host, files, tmp_path):
    host.stop_after = len(files[ARCHIVE]) // 2
    refused("the host cannot be reached, or the connection broke")
    assert not taken_for_data(tmp_path)
    host.stop_after = None
    host.asked.clear()
    assert_right(rl.load_subject("haxby"), tmp_path)
    (span,) = [span for address, span in host.asked if address == ARCHIVE]
    assert int(span.removeprefix("bytes=").rstrip("-")) > 0, "it went on from where it stopped"


def test_wrong_checksum_is_not_taken_the_second_time_either(host, files, tmp_path):
    host.files[ARCHIVE] = b"<html>Welcome to our guest network</html>"
    for _ in range(2):
        refused("its checksum is wrong")
        assert not taken_for_data(tmp_path)
    host.files = files
    assert_right(rl.load_subject("haxby"), tmp_path)


def test_a_login_page_in_place_of_the_checksums(host, files, tmp_path):
    host.files["/MD5SUMS"] = host.files[ARCHIVE] = b"<html>Welcome</html>\n"
    refused("could not be downloaded")
    host.files = files
    assert_right(rl.load_subject("haxby"), tmp_path)


@pytest.mark.parametrize("address", [ARCHIVE, "/MD5SUMS", "/mask.nii.gz"])
def test_404(host, tmp_path, address):
    host.missing.add(address)
    refused("the host answered 404")
    assert not taken_for_data(tmp_path)
    host.missing.clear()
    assert_right(rl.load_subject("haxby"), tmp_path)


def test_absent(host, tmp_path):
    host.server.shutdown()
    host.server.server_close()
    refused("the host cannot be reached")
    assert not taken_for_data(tmp_path)


def test_what_was_half_unpacked_when_it_was_killed_is_not_taken(host, tmp_path):
    """nilearn takes what lies in its working folder for unpacked and whole."""
    host.missing.add(ARCHIVE)
    refused("404")
    (working,) = [path for path in (tmp_path / cache.HAXBY).iterdir() if len(path.name) == 32]
    (working / "subj1").mkdir()
    (working / "subj1/bold.nii.gz").write_bytes(b"half")
    host.missing.clear()
    assert_right(rl.load_subject("haxby"), tmp_path)


def test_a_link_where_nilearn_works_is_removed_and_not_followed(host, tmp_path):
    """Whoever shares the folder may lay a link there: what it leads to is neither emptied nor written to."""
    host.missing.add(ARCHIVE)
    refused("404")
    (working,) = [path for path in (tmp_path / cache.HAXBY).iterdir() if len(path.name) == 32]
    thesis = tmp_path / "thesis"
    (thesis / "chapters").mkdir(parents=True)
    for name in ("one.txt", "chapters/two.txt", "three.part"):
        (thesis / name).write_text("mine")
    before = {path: path.is_dir() or path.read_text() for path in thesis.rglob("*")}
    for link, aim in ((working / "subj1", thesis / "chapters"), (working / f"{ARCHIVE[1:]}.part", thesis / "three.part"),
                      (working.parent / ("0" * 32), thesis)):  # fmt: skip
        link.symlink_to(aim)
    host.missing.clear()
    assert_right(rl.load_subject("haxby"), tmp_path)
    assert {path: path.is_dir() or path.read_text() for path in thesis.rglob("*")} == before
    assert not [path for path in (tmp_path / cache.HAXBY).rglob("*") if path.is_symlink()]
