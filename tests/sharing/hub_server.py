"""A small hub on 127.0.0.1: the parts of huggingface.co's interface that las uses."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repository:
    """Commits (hash → files by name) and branches (name → commit)."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    private: bool = False

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        text = repr(sorted(files.items())) + branch + str(len(self.commits))
        name = hashlib.sha1(text.encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name


@dataclass
class Hub:
    """What the server holds, and how it misbehaves."""

    address: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    uploads: dict[str, bytes] = field(default_factory=dict)  # LFS objects by SHA-256
    requests: list[str] = field(default_factory=list)  # "METHOD path range"
    status: int = 0  # answered to everything if not 0
    refuse: str = ""  # paths with this in them are forbidden
    elsewhere: str = ""  # address that large files are redirected to, as to a CDN
    tokens_seen: list[str] = field(default_factory=list)  # with requests of redirected files
    hang: str = ""  # paths with this in them get no answer
    break_at: int = 0  # bodies of /resolve/ end here, each file once
    broken: set[str] = field(default_factory=set)
    change: dict[str, bytes] = field(default_factory=dict)  # file name → bytes sent in its place
    names: dict[str, str] = field(default_factory=dict)  # file name → name listed in its place
    sizes: dict[str, Any] = field(default_factory=dict)  # file name → size listed
    token: str = ""  # wanted for everything if not empty
    done: threading.Event = field(default_factory=threading.Event)

    def downloads(self) -> list[str]:
        return [line for line in self.requests if line.startswith("GET") and "/resolve/" in line]


class Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *args: Any) -> None: ...

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", headers.pop("length", str(len(body))))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def json(self, data: Any, status: int = 200) -> None:
        self.answer(status, json.dumps(data).encode(), Content_Type="application/json")

    def fail(self, status: int, code: str = "") -> None:
        extra = {"X_Error_Code": code} if code else {}
        self.answer(status, b'{"error": "no"}', **extra)

    def refused(self) -> bool:
        hub, path = self.hub, self.path.split("?")[0]
        hub.requests.append(f"{self.command} {path} {self.headers.get('Range', '')}".strip())
        if hub.hang and hub.hang in path:
            hub.done.wait(30)
            self.close_connection = True
            return True
        if hub.refuse and hub.refuse in path:
            self.fail(403)
            return True
        if hub.status:
            self.fail(hub.status)
            return True
        signed = path.startswith("/upload/")  # such addresses are secrets themselves
        if hub.token and not signed and self.headers.get("Authorization") != f"Bearer {hub.token}":
            self.fail(401)
            return True
        return False

    def do_GET(self) -> None:
        if self.refused():
            return
        path = self.path.split("?")[0]
        if match := re.fullmatch(r"/api/models/([^/]+/[^/]+)(?:/revision/(.+))?", path):
            self.listing(match[1], match[2] or "main")
        elif match := re.fullmatch(r"/(cdn/)?([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            if match[1]:
                self.hub.tokens_seen.append(self.headers.get("Authorization", ""))
            elif self.hub.elsewhere and path.endswith(".safetensors"):
                return self.answer(302, Location=f"{self.hub.elsewhere}/cdn{path}")
            self.file(match[2], match[3], match[4])
        else:
            self.fail(404)

    def listing(self, repo: str, revision: str) -> None:
        hub = self.hub
        if repo not in hub.repositories:
            return self.fail(404, "RepoNotFound")
        found = hub.repositories[repo]
        commit = found.branches.get(revision, revision)
        if commit not in found.commits:
            return self.fail(404, "RevisionNotFound")
        siblings = []
        for name, data in found.commits[commit].items():
            entry: dict[str, Any] = {
                "rfilename": hub.names.get(name, name),
                "size": hub.sizes.get(name, len(data)),
                "blobId": git_sha1(data),
            }
            if name.endswith(".safetensors"):
                sha = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"sha256": sha, "size": len(data), "pointerSize": 100}
            siblings.append(entry)
        self.json({"id": repo, "sha": commit, "siblings": siblings, "private": found.private})

    def file(self, repo: str, commit: str, name: str) -> None:
        hub = self.hub
        data = hub.repositories[repo].commits[commit][name]
        data = hub.change.get(name, data)
        start = int(self.headers.get("Range", "bytes=0-")[6:].split("-")[0])
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        if hub.break_at and name not in hub.broken and len(data) > hub.break_at:
            hub.broken.add(name)
            self.wfile.write(data[start : start + hub.break_at])
            self.close_connection = True
            return
        self.wfile.write(data[start:])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if self.refused():
            return
        path, hub = self.path.split("?")[0], self.hub
        if path == "/api/repos/create":
            data = json.loads(body)
            repo = f"{data['organization']}/{data['name']}"
            private = bool(data.get("private")) or data.get("visibility") == "private"
            hub.repositories[repo] = Repository(private=private)
            hub.repositories[repo].commit({})
            self.json({"url": f"{hub.address}/{repo}", "id": repo})
        elif path == "/api/validate-yaml":
            self.json({"errors": [], "warnings": []})
        elif "/preupload/" in path:
            self.json({"files": [
                {"path": f["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if f["path"].endswith(".safetensors") else "regular"}
                for f in json.loads(body)["files"]
            ]})  # fmt: skip
        elif path.endswith("/info/lfs/objects/batch"):
            self.json({"transfer": "basic", "objects": [
                {"oid": o["oid"], "size": o["size"], "authenticated": True, "actions": {
                    "upload": {"href": f"{hub.address}/upload/{o['oid']}"}}}
                for o in json.loads(body)["objects"]
            ]})  # fmt: skip
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/(.+)", path):
            self.take_commit(match[1], match[2], [json.loads(line) for line in body.splitlines()])
        else:
            self.fail(404)

    def take_commit(self, repo: str, branch: str, lines: list[dict[str, Any]]) -> None:
        files = {}
        for line in lines:
            value = line["value"]
            if line["key"] == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                files[value["path"]] = self.hub.uploads[value["oid"]]
        commit = self.hub.repositories[repo].commit(files, branch)
        url = f"{self.hub.address}/{repo}/commit/{commit}"
        self.json({"commitUrl": url, "commitOid": commit})

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if not self.refused():
            self.hub.uploads[self.path.rsplit("/", 1)[1]] = body
            self.answer(200)


@contextmanager
def serving() -> Iterator[Hub]:
    """The hub while the block runs."""
    hub = Hub()
    handler = type("OwnHandler", (Handler,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    hub.address = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield hub
    finally:
        hub.done.set()
        server.shutdown()
        server.server_close()
        thread.join()


def files_of(folder: Path) -> dict[str, bytes]:
    """Contents of a model folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def within(seconds: float, began: float) -> bool:
    """Whether less than `seconds` have passed; generous limits only, against minutes of retries."""
    return time.monotonic() - began < seconds
