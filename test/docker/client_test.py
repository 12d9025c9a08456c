"""Tests of the Python client against a real server; client.test.ts starts both."""

import glob
import json
import os
import socket
import subprocess
import sys
import threading
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "src" / "client"))
from faultline import ClientError, Faultline, InfraError, TaskError  # noqa: E402

URL, TOKEN = os.environ["FAULTLINE_URL"], os.environ["FAULTLINE_TOKEN"]


def container_of(rollout_id):
    """The container that a rollout was given, as the journal tells it."""
    for file in glob.glob(os.environ["FAULTLINE_JOURNAL"] + "/*"):
        for line in Path(file).read_text().splitlines():
            event = json.loads(line)
            if event["type"] == "sandbox_claimed" and event["rollout"] == rollout_id:
                return event["handle"]["id"]
    raise AssertionError(f"{rollout_id} has no container")


class ClientTest(unittest.TestCase):
    def setUp(self):
        self.faultline = Faultline(URL, TOKEN, job="python")

    def assert_raises(self, kind, code, doing):
        with self.assertRaises(kind) as caught:
            doing()
        self.assertEqual(caught.exception.code, code)

    def test_plays_a_rollout(self):
        with self.faultline.open(task="base") as rollout:
            answer = rollout.call("shell", {"command": "echo out; exit 3"})
            self.assertEqual(answer.output, "out\n[exit code 3]")
            self.assertEqual(answer.result["exit_code"], 3)
            self.assertEqual(answer.outcome, {"attribution": "ok", "cause": "completed"})
            self.assertEqual(rollout.view()["job"], "python")
        self.assertEqual(rollout.verdict()["verdict"], "valid")
        self.assertEqual(len(rollout.trajectory()["calls"]), 1)
        self.assertEqual(rollout.view()["state"], "ended")

    def test_an_answer_is_what_the_model_got_wrong(self):
        with self.faultline.open() as rollout:
            self.assertEqual(rollout.call("fly", {}).outcome["cause"], "unknown_tool")

    def test_moves_files(self):
        with self.faultline.open("py/ä b?") as rollout:
            rollout.upload("/data/ä b.bin", b"\x00\xff\n")
            self.assertEqual(rollout.download("/data/ä b.bin"), b"\x00\xff\n")

    def test_a_row_chooses_the_task(self):
        with self.faultline.open(item={"kind": "prepared"}) as rollout:
            self.assertEqual(rollout.view()["task"], "prepared")

    def test_lists(self):
        self.assertIn("prepared", [task["name"] for task in self.faultline.tasks()])
        self.assertEqual(len(self.faultline.tools("prepared", "chat")), 2)
        self.assertEqual(len(self.faultline.rollouts(limit=1)["rollouts"]), 1)
        self.assertEqual(self.faultline.verdicts(["never-seen"])["unknown"], ["never-seen"])
        # Of a pool that no other test uses: one that has seen a burst keeps sandboxes ready for the next.
        self.assertEqual(self.faultline.prewarm(0, task="short")["target"], 0)

    def test_a_repeated_call_id_gets_the_stored_answer(self):
        with self.faultline.open() as rollout:
            count = {"command": "echo >> /tmp/runs; wc -l < /tmp/runs"}
            self.assertEqual({rollout.call("shell", count, "c").output for _ in range(3)}, {"1\n"})

    def test_threads_share_a_client(self):
        outputs = []
        with self.faultline.open() as rollout:
            add = lambda: outputs.append(rollout.call("shell", {"command": "echo 1"}).output)  # noqa: E731
            threads = [threading.Thread(target=add) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(outputs, ["1\n"] * 8)

    def test_client_errors(self):
        with self.faultline.open() as rollout:
            rollout.call("shell", {"command": "true"}, "c")
            self.assert_raises(
                ClientError, "conflicting_repeat", lambda: rollout.call("shell", {"command": "false"}, "c")
            )
        late = lambda: rollout.call("shell", {"command": "true"})  # noqa: E731
        self.assert_raises(ClientError, "rollout_ended", late)
        self.assert_raises(ClientError, "unknown_task", lambda: self.faultline.open(task="no-such-task"))
        self.assert_raises(ClientError, "unauthorized", Faultline(URL, "wrong-token").tasks)

    def test_task_errors(self):
        for task, code in (("missing", "image_missing"), ("broken-setup", "setup_failed")):
            rollout = self.faultline.open(task=task)
            self.assert_raises(TaskError, code, lambda: rollout.call("shell", {"command": "true"}))

    def test_a_rollout_that_infrastructure_took(self):
        rollout = self.faultline.open(task="lasting")
        rollout.call("shell", {"command": "true"})
        subprocess.run(
            ["docker", "kill", container_of(rollout.id)], check=True, timeout=20, stdout=subprocess.DEVNULL
        )
        self.assert_raises(InfraError, "sandbox_killed", lambda: rollout.call("shell", {"command": "true"}))
        self.assertEqual(rollout.verdict()["verdict"], "exclude")

    def test_a_server_that_is_not_there(self):
        nobody = Faultline("http://127.0.0.1:9", TOKEN, patience=0.5)
        self.assert_raises(InfraError, "unreachable", nobody.tasks)

    def test_a_connection_that_breaks_is_made_anew(self):
        """A relay that hangs up on the first request and then lets everything through."""
        relay = socket.create_server(("127.0.0.1", 0))
        port = relay.getsockname()[1]

        def serve():
            relay.accept()[0].close()
            inside, _ = relay.accept()
            outside = socket.create_connection(URL.replace("http://", "").split(":"))
            for source, target in ((inside, outside), (outside, inside)):
                threading.Thread(target=pump, args=(source, target), daemon=True).start()

        def pump(source, target):
            data = source.recv(65536)
            while data:
                target.sendall(data)
                data = source.recv(65536)

        threading.Thread(target=serve, daemon=True).start()
        with relay:
            self.assertTrue(Faultline(f"http://127.0.0.1:{port}", TOKEN).tasks())


if __name__ == "__main__":
    unittest.main()
