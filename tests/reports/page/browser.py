"""Chromium without a window, by its own protocol over two pipes."""

import base64
import fcntl
import json
import os
import select
import shutil
import subprocess
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PATIENCE = 60.0  # seconds for an answer, on a busy machine
FREE = 10  # descriptors from here on are nobody's


def installed():
    """The browser's path; None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Browser:
    """One tab; ``events`` are all that it told of: requests, messages of the console, errors."""

    def __init__(self, path, profile):
        theirs, ours = os.pipe()
        mine, answers = os.pipe()
        self._write, self._read = os.fdopen(ours, "wb", buffering=0), mine
        passed = [fcntl.fcntl(one, fcntl.F_DUPFD, FREE) for one in (theirs, answers)]
        options = ["--headless", "--disable-gpu", "--remote-debugging-pipe", f"--user-data-dir={profile}"]
        options += ["--no-first-run", "--disable-dev-shm-usage", "--hide-scrollbars", "--disable-background-networking"]
        options += ["--no-sandbox"] if os.geteuid() == 0 else []
        shell = f'exec "$0" "$@" 3<&{passed[0]} 4>&{passed[1]} 2>/dev/null'
        self.process = subprocess.Popen(["bash", "-c", shell, path, *options], pass_fds=passed)
        for one in (theirs, answers, *passed):
            os.close(one)
        self.events, self._buffer, self._number, self._session = [], b"", 0, None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Log", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method, **params):
        """Call a method of the protocol; returns its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        self._write.write(
            json.dumps(message | ({"sessionId": self._session} if self._session else {})).encode() + b"\0"
        )
        while (answer := self._next()).get("id") != self._number:
            self.events.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _next(self):
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._buffer:
            assert select.select([self._read], [], [], max(0.0, end - time.monotonic()))[0], (
                "the browser doesn't answer"
            )
            part = os.read(self._read, 1 << 20)
            assert part, "the browser has ended"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def open(self, url, width=1000, dark=False, media="screen"):
        """Load a page, until its load event."""
        self.events.clear()
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=url)
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())

    def value(self, script):
        """What an expression in the page comes to."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def key(self, key, code):
        """Press a key, as a person does."""
        for kind in ("rawKeyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self):
        """PNG bytes of the whole page."""
        return base64.b64decode(self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"])

    @property
    def requests(self):
        """URLs that were asked for, those of data aside."""
        found = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in found if not url.startswith("data:")]

    @property
    def complaints(self):
        """What the console has: messages, errors, refusals by the page's policy."""
        wanted = ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        return [event["params"] for event in self.events if event.get("method") in wanted]

    def close(self):
        """End it."""
        self.process.terminate()
        self.process.wait()
        self._write.close()
        os.close(self._read)
