"""A TensorBoard process, asked as its pages ask it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from urllib.request import Request, urlopen

import pytest

from keras_lion.report.tensorboard_export import write_tensorboard

from ..report.test_tensorboard_export import recorded, records

PATIENCE = 90  # seconds until the server has read the runs


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = recorded(tmp_path_factory.mktemp("study"))
    write_tensorboard(folder)
    said = (folder / "log").open("w+")
    command = [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder)]
    server = subprocess.Popen(
        [*command, "--host", "127.0.0.1", "--port", "0"], stdout=said, stderr=said
    )
    try:
        yield until(lambda: found_address(folder / "log"))
    finally:
        server.terminate()
        server.wait()
        said.close()


def found_address(log):
    found = re.search(r"http://127\.0\.0\.1:\d+/", log.read_text())
    return found and found[0]


def until(ask):
    end = time.monotonic() + PATIENCE
    while not (answer := ask()):
        assert time.monotonic() < end, "TensorBoard does not answer"
        time.sleep(0.2)
    return answer


def asked(address, path, body=None):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    with urlopen(Request(f"{address}data/{path}", data, headers)) as answer:
        return json.load(answer)


def sessions(address):
    body = {
        "startIndex": 0,
        "sliceSize": 100,
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_FAILURE", "STATUS_RUNNING"],
        "colParams": [{"metric": {"tag": "score"}}],
    }
    return asked(address, "plugin/hparams/session_groups", body)["sessionGroups"]


def test_every_run_is_listed_with_its_status_and_its_scalars(address):
    # It reads run by run: the last one to come has scalars, too.
    until(lambda: len(asked(address, "plugin/scalars/tags")) == len(records()))
    groups = {group["name"]: group for group in sessions(address)}
    assert {key: group["hparams"]["status"] for key, group in groups.items()} == {
        record["key"]: record["status"] for record in records()
    }
    tags = asked(address, "plugin/scalars/tags")
    for record in records():
        (session,) = groups[record["key"]]["sessions"]
        expected = "STATUS_SUCCESS" if record["status"] == "ok" else "STATUS_FAILURE"
        assert session["status"] == expected
        shown = set(tags[session["name"]])
        assert ("score" in shown) == (record["status"] != "failed")
        assert ("history/accuracy" in shown) == bool(record.get("history"))
    known = asked(address, "plugins_listing")
    assert known["hparams"]["enabled"]
    assert known["scalars"]["enabled"]
