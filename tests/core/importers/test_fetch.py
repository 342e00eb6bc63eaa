from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest
import yaml
from model_packages import PackageWriter, zipped

from napari_unet.core.errors import UserError
from napari_unet.core.importers import MissingWeightsError, fetch_weights, load_foreign
from napari_unet.core.importers import fetch as fetching
from napari_unet.core.progress import finish

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Server:
    """Serves one file at any address but those that are answered otherwise."""

    def __init__(self) -> None:
        self.content = b""
        self.cut = 0
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                if "gone" in self.path:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(outer.content)))
                self.end_headers()
                self.wfile.write(outer.content[: len(outer.content) - outer.cut])

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    one = Server()
    yield one
    one.close()


def package(folder: Path, server: Server, address: str = "/files/network.pt") -> Path:
    """A package whose weights are on the server only."""
    path = PackageWriter().write(folder / "package")
    weights = path.with_name("weights.pt")
    server.content = weights.read_bytes()
    weights.unlink()
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["weights"]["pytorch_state_dict"]["source"] = server.url + address
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    return path


def left(path: Path) -> set[str]:
    return {file.name for file in path.parent.iterdir()}


@pytest.mark.parametrize(
    "address",
    ["/files/network.pt", "/files/network.pt?download=1", "/api/files/network.pt/content"],
)
@pytest.mark.parametrize("form", ["folder", "yaml", "zip"])
def test_fetched_weights_are_found(form: str, address: str, server: Server, tmp_path: Path) -> None:
    path = package(tmp_path, server, address)
    if form == "zip":
        path = zipped(path.parent, tmp_path / "package.zip")
    elif form == "folder":
        path = path.parent
    with pytest.raises(MissingWeightsError) as caught:
        load_foreign(path)
    assert server.asked == [], "nothing is fetched without being asked for"
    fetched = finish(fetch_weights(path))
    assert fetched == caught.value.target
    assert fetched.name == "network.pt"
    assert server.asked == [address]
    assert load_foreign(path).spec.provenance.verified_error is not None


def test_progress_counts_bytes(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "CHUNK_BYTES", 1000)
    steps = list(fetch_weights(package(tmp_path, server)))
    size = len(server.content)
    assert [step.done for step in steps[:2]] == [1000, 2000]
    assert steps[-1].done == size
    assert {step.total for step in steps} == {size}


@pytest.mark.parametrize("trouble", ["changed", "cut short", "too long", "gone", "unreachable"])
def test_nothing_is_left_behind(
    trouble: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = package(tmp_path, server, "/gone.pt" if trouble == "gone" else "/network.pt")
    before = left(path)
    if trouble == "changed":
        server.content = server.content[:-1] + b"?"
    elif trouble == "cut short":
        server.cut = 100
    elif trouble == "too long":
        monkeypatch.setattr(fetching, "MAX_BYTES", 1000)
    elif trouble == "unreachable":
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(server.url, "http://127.0.0.1:1"), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        finish(fetch_weights(path))
    assert caught.value.remedy
    assert left(path) == before


def test_cancel_leaves_nothing_behind(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "CHUNK_BYTES", 1000)
    path = package(tmp_path, server)
    before = left(path)
    job = fetch_weights(path)
    next(job)
    job.close()
    assert left(path) == before


@pytest.mark.parametrize("source", ["weights.pt", "file:///etc/passwd", "ftp://127.0.0.1/w.pt"])
def test_only_web_addresses_are_fetched(source: str, tmp_path: Path) -> None:
    path = PackageWriter().write(tmp_path)
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    raw["weights"]["pytorch_state_dict"]["source"] = source
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(UserError, match=r"can't be downloaded|outside itself"):
        finish(fetch_weights(path))


def test_weights_without_checksum_are_not_fetched(server: Server, tmp_path: Path) -> None:
    path = package(tmp_path, server)
    raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    del raw["weights"]["pytorch_state_dict"]["sha256"]
    path.write_text(yaml.safe_dump(raw), encoding="utf-8")
    with pytest.raises(UserError, match="by other means"):
        finish(fetch_weights(path))
    assert server.asked == []
