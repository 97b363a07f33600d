"""A hub on this machine: the few requests that the hub's client makes, and the ways in which they fail.

With a token that is in :attr:`Hub.writers` repositories are made and committed to; big files go through Git LFS.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit


@dataclass
class Repo:
    """A repository: commits by their hashes, and what branches, tags and pull requests point at."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False
    status: int = 200
    claims: dict[str, int] = field(default_factory=dict)  # sizes that the listing gives, whatever is there
    requests: list[dict] = field(default_factory=list)  # pull requests
    history: dict[str, list[str]] = field(default_factory=dict)  # commits of each ref

    def push(self, files: dict[str, bytes], ref: str = "main") -> str:
        """A new commit at ``ref``."""
        commit = hashlib.sha1(repr((len(self.commits), sorted(files))).encode()).hexdigest()
        self.commits[commit] = files
        self.refs[ref] = commit
        self.history.setdefault(ref, []).append(commit)
        return commit


class Hub:
    """The server. ``cuts["name"]`` lists after how many bytes each of the next answers of a file breaks off."""

    def __init__(self) -> None:
        self.repos: dict[str, Repo] = {}
        self.writers = {"hf_writer"}
        self.stored: dict[str, bytes] = {}
        self.cuts: dict[str, list[int]] = {}
        self.stalls: dict[str, threading.Event] = {}
        self.fetched: Counter[str] = Counter()
        self.ranges: list[str] = []
        self.asked = 0
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (_Handler,), {"hub": self}))
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def repo(self, name: str, files: dict[str, bytes]) -> Repo:
        """A new repository with one commit."""
        self.repos[name] = Repo()
        self.repos[name].push(files)
        return self.repos[name]

    def close(self) -> None:
        """Leave the port closed."""
        self.server.shutdown()
        self.server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments) -> None:
        """Say nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        self.hub.asked += 1
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        api = parts[:2] == ["api", "models"]
        name = "/".join(parts[2:4] if api else parts[:2])
        rest = (parts[4:] or ["revision", "main"]) if api else parts[2:]
        repo = self.hub.repos.get(name)
        if repo is None:
            return self.refuse(401, "RepoNotFound")
        if repo.status != 200:
            return self.refuse(repo.status, "")
        if rest[0] == "discussions":
            author = parse_qs(urlsplit(self.path).query).get("author")
            found = [request for request in repo.requests if author in (None, [request["author"]["name"]])]
            return self.answer({"discussions": found, "count": len(found), "start": 0})
        revision = rest[1]
        if rest[0] == "commits":
            return self.commits(repo, revision)
        commit = repo.refs.get(revision, revision)
        if commit not in repo.commits:
            return self.refuse(404, "RevisionNotFound")
        files = repo.commits[commit]
        if rest[0] == "resolve":
            if repo.gated:
                return self.refuse(403, "GatedRepo")
            return self.file(files, "/".join(rest[2:]), commit)
        if rest[0] == "tree":
            return self.answer(
                [{"type": "file", "path": n, "size": len(data), "oid": _etag(data)} for n, data in files.items()]
            )
        if repo.gated:
            return self.refuse(401, "GatedRepo")
        siblings = [
            {"rfilename": n, "size": repo.claims.get(n, len(data)), "blobId": _etag(data)} for n, data in files.items()
        ]
        config = json.loads(files.get("config.json", b"{}"))
        return self.answer(
            {
                "id": name,
                "sha": commit,
                "siblings": siblings,
                "private": repo.private,
                "config": {"architectures": config.get("architectures")},
            }
        )

    def commits(self, repo: Repo, ref: str) -> None:
        """Those that lead to ``ref``, the newest first; here all that were pushed there."""
        if ref not in repo.refs:
            return self.refuse(404, "RevisionNotFound")
        found = [
            {"id": commit, "title": "", "message": "", "authors": [], "date": "2026-01-01T00:00:00.000Z"}
            for commit in reversed(repo.history[ref])
        ]
        return self.answer(found)

    def do_PUT(self) -> None:
        data = self.body()
        self.hub.stored[hashlib.sha256(data).hexdigest()] = data
        self.answer({})

    def do_POST(self) -> None:
        self.hub.asked += 1
        parts = [unquote(part) for part in urlsplit(self.path).path.strip("/").split("/")]
        data = self.body()
        if parts == ["api", "validate-yaml"]:
            return self.answer({})
        if self.headers.get("Authorization", "").removeprefix("Bearer ") not in self.hub.writers:
            return self.refuse(403, "")
        if parts[0] == "api" and parts[1] == "repos":
            asked = json.loads(data)
            name = f"{asked['organization']}/{asked['name']}"
            if name in self.hub.repos:
                return self.answer({"url": f"{self.hub.url}/{name}"}, status=409)
            self.hub.repo(name, {".gitattributes": b"*.safetensors filter=lfs"}).private = (
                asked.get("visibility") == "private" or asked.get("private") is True
            )
            return self.answer({"url": f"{self.hub.url}/{name}"})
        if parts[2:] == ["info", "lfs", "objects", "batch"]:
            actions = [
                {**each, "actions": {"upload": {"href": f"{self.hub.url}/stored"}}}
                for each in json.loads(data)["objects"]
            ]
            return self.answer({"transfer": "basic", "objects": actions})
        repo, revision = self.hub.repos["/".join(parts[2:4])], parts[5]
        if parts[4] == "branch":
            repo.refs[revision] = repo.refs["main"]
            return self.answer({})
        if parts[4] == "preupload":
            files = [
                {
                    "path": each["path"],
                    "shouldIgnore": False,
                    "uploadMode": "lfs" if each["path"].endswith(".safetensors") else "regular",
                }
                for each in json.loads(data)["files"]
            ]
            return self.answer({"files": files})
        files = dict(repo.commits[repo.refs[revision]])
        for operation in map(json.loads, data.splitlines()):
            key, value = operation["key"], operation["value"]
            if key == "file":
                files[value["path"]] = base64.b64decode(value["content"])
            elif key == "lfsFile":
                files[value["path"]] = self.hub.stored[value["oid"]]
            elif key == "deletedFile":
                del files[value["path"]]
        commit = repo.push(files, revision)
        return self.answer({"commitUrl": f"{self.hub.url}/{'/'.join(parts[2:4])}/commit/{commit}", "commitOid": commit})

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def file(self, files: dict[str, bytes], name: str, commit: str) -> None:
        if name not in files:
            return self.refuse(404, "EntryNotFound")
        data = files[name]
        start = 0
        asked = self.headers.get("Range")
        if asked:
            self.hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{_etag(data)}"')
        self.send_header("X-Repo-Commit", commit)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data) - start))
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        self.end_headers()
        if self.command == "HEAD":
            return None
        self.hub.fetched[name] += 1
        cuts = self.hub.cuts.get(name)
        if cuts:
            self.wfile.write(data[start : start + cuts.pop(0)])
            self.wfile.flush()
            self.close_connection = True
            return None
        if name in self.hub.stalls:
            self.hub.stalls[name].wait(20)
        self.wfile.write(data[start:])
        return None

    def answer(self, content, status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _etag(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
