"""JupyterLab in Debian's chromium, driven as a reader would drive it; by hand, a picture of a notebook after run-all.

``python -m tests.browser NOTEBOOK OUT.png`` runs a copy of the notebook and writes OUT-1.png, OUT-2.png ... from top to
bottom at 100 %, the way to look at a notebook before it is committed. It needs chromium (``apt-get install chromium``).
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = shutil.which("chromium")
START_S, RUN_S = 60, 300  # patience for a loaded machine: the server and the page to start, a notebook to run
SETTINGS = {
    "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},  # all cells are in the page, seen or not
    "@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False},
}

# A first run-all before the kernel has answered is lost without a word: this is what "ready" means.
READY = """() => {
    const context = window.jupyterapp.shell.currentWidget?.context;
    return !!context?.isReady && context.sessionContext.session?.kernel?.status === "idle";
}"""
RUN_ALL = """() => {
    window.ran = "running";
    window.jupyterapp.commands.execute("notebook:run-all-cells").then(
        () => { window.ran = "done"; }, error => { window.ran = `failed: ${error}`; });
}"""
CELL_ERRORS = """() => window.jupyterapp.shell.currentWidget.context.model.toJSON().cells.flatMap(
    cell => (cell.outputs || []).filter(output => output.output_type === "error").map(
        output => `${output.ename}: ${output.evalue}`))"""
CHOSEN = "one => one.selectedOptions[0].text"
# Bottom of the last cell, since Lab scrolls on beyond it, and height of what is seen at once.
SCROLL = """(panel, top) => {
    panel.scrollTop = 0;
    const last = [...panel.querySelectorAll(".jp-Cell")].at(-1).getBoundingClientRect().bottom;
    const bottom = last - panel.getBoundingClientRect().top;
    panel.scrollTop = top;
    return [bottom, panel.clientHeight];
}"""
# From a key press to the first moment after the frame with the new, decoded picture was painted.
WATCH = """image => {
    window.paints = [];
    let pressed = 0;
    window.addEventListener("keydown", event => { pressed = event.timeStamp; }, true);
    new MutationObserver(async () => {
        const start = pressed;
        if (!start) return;
        pressed = 0;
        await image.decode();
        requestAnimationFrame(() => {
            const painted = new MessageChannel();
            painted.port1.onmessage = () => window.paints.push(performance.now() - start);
            painted.port2.postMessage(null);
        });
    }).observe(image, {attributes: true, attributeFilter: ["src"]});
}"""


@contextmanager
def jupyterlab(folder: Path) -> Iterator[tuple[str, str]]:
    """JupyterLab of this Python serving `folder`, nothing shared with the user's own; yields its address and token."""
    with tempfile.TemporaryDirectory(prefix="splicelab-lab-") as private:
        home = Path(private)
        (home / "settings").mkdir()
        (home / "settings" / "overrides.json").write_text(json.dumps(SETTINGS))
        names = [f"JUPYTER_{what}_DIR" for what in ("CONFIG", "DATA", "RUNTIME")]
        names += ["JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR"]
        environment = os.environ | {name: str(home / name.lower()) for name in names}
        environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
        for name in ("PYTEST_CURRENT_TEST", "JUPYTER_CONFIG_PATH", "JUPYTER_PREFER_ENV_PATH"):
            environment.pop(name, None)  # a kernel started from a test must behave like a reader's
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        token = secrets.token_hex(16)
        command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1"]
        command += [f"--port={port}", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={folder}"]
        command += ["--LabApp.expose_app_in_browser=True", f"--LabApp.app_settings_dir={home / 'settings'}"]
        with open(home / "log", "w+b") as log:
            server = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log)
            try:
                yield _address(server, home), token
            finally:
                server.terminate()  # it ends its kernels, then itself
                try:
                    server.wait(30)
                except subprocess.TimeoutExpired:
                    server.kill()
                    server.wait()


def _address(server: subprocess.Popen, home: Path) -> str:
    """Address of a server once it listens: it may have moved to another port, and says so in its runtime folder."""
    deadline = time.monotonic() + START_S
    runtime = home / "jupyter_runtime_dir" / f"jpserver-{server.pid}.json"
    while server.poll() is None and time.monotonic() < deadline:
        try:
            address = json.loads(runtime.read_text())["url"].rstrip("/")
            socket.create_connection((urlsplit(address).hostname, urlsplit(address).port), 1).close()
            return address
        except (OSError, ValueError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(home / 'log').read_text()[-2000:]}")


class NotebookPage:
    """A notebook open in JupyterLab, and all that its page asked for and complained about."""

    def __init__(self, page):
        self.page = page
        self.errors: list[str] = []
        self.outside: list[str] = []
        page.on("console", lambda message: message.type == "error" and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self._note(request.url))
        page.on("websocket", lambda socket: self._note(socket.url))

    def _note(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob", "about") and parts.hostname not in ("127.0.0.1", "localhost"):
            self.outside.append(url)

    def open(self, address: str, token: str, name: str) -> None:
        """Open a notebook and wait until its kernel has answered; TimeoutError of playwright where it does not."""
        self.page.goto(f"{address}/doc/tree/{name}?token={token}&reset", timeout=START_S * 1000)
        self.page.wait_for_function("() => !!window.jupyterapp", timeout=START_S * 1000)
        self.page.evaluate("() => window.jupyterapp.restored.then(() => true)")
        self.page.wait_for_function(READY, timeout=START_S * 1000, polling=100)

    def run_all(self) -> None:
        """Run all cells as from the menu; AssertionError with the exceptions of cells that raised."""
        self.page.evaluate(RUN_ALL)
        self.page.wait_for_function("() => window.ran !== 'running'", timeout=RUN_S * 1000, polling=100)
        ran, raised = self.page.evaluate("() => window.ran"), self.page.evaluate(CELL_ERRORS)
        assert ran == "done" and not raised, f"run all: {ran}, cells raised: {raised}"

    def explorer(self, number: int = 0) -> "ExplorerPage":
        """Give the Explorer of this number, counted from the top of the notebook."""
        box = self.page.locator(".widget-vbox:has(> img.jupyter-widgets)").nth(number)
        box.wait_for(timeout=START_S * 1000)
        box.scroll_into_view_if_needed()
        return ExplorerPage(self.page, box)


class ExplorerPage:
    """One Explorer in the page: its first slider, or else its first choice; its picture, its note."""

    def __init__(self, page, box):
        self.page, self.box = page, box
        self.handle = box.locator(".widget-hslider .noUi-handle").first
        self.readout = box.locator(".widget-hslider .widget-readout").first
        self.choice = box.locator("select").first
        self.has_slider = box.locator(".widget-hslider").count() > 0
        self.image = box.locator("> img.jupyter-widgets")

    def state(self) -> tuple[str, str, str]:
        """Readout, address of the picture, and words of the note, as they are shown now."""
        chosen = self.readout.inner_text if self.has_slider else lambda: self.choice.evaluate(CHOSEN)
        return chosen(), self.image.get_attribute("src"), self.box.locator("> .widget-html").inner_text()

    def wait_for_change(self, before: tuple[str, str, str], timeout_s: float = 30) -> tuple[str, str, str]:
        """Wait until readout, picture and note all differ from `before`; AssertionError names what did not change."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            now = self.state()
            if all(new != old for new, old in zip(now, before, strict=True)):
                return now
            self.page.wait_for_timeout(20)
        same = [part for part, new, old in zip(("readout", "picture", "note"), now, before, strict=True) if new == old]
        raise AssertionError(f"unchanged after {timeout_s} s: {', '.join(same)}")

    def arrow(self) -> str:
        """Arrow key that has room to go on: towards the middle of the slider."""
        low, now, high = (float(self.handle.get_attribute(f"aria-value{part}")) for part in ("min", "now", "max"))
        return "ArrowRight" if now < (low + high) / 2 else "ArrowLeft"

    def rest(self, quiet_s: float = 1) -> None:
        """Wait until nothing has changed for some time: the last pictures of a drag come after the mouse is let go."""
        before, since = self.state(), time.monotonic()
        while time.monotonic() - since < quiet_s:
            self.page.wait_for_timeout(50)
            if self.state() != before:
                before, since = self.state(), time.monotonic()

    def latencies_ms(self, moves: int) -> list[float]:
        """Milliseconds from each key press to its painted picture."""
        self.rest()
        self.image.evaluate(WATCH)
        self.handle.focus()
        for move in range(1, moves + 1):
            self.page.keyboard.press(self.arrow(), delay=100)  # as a finger, which leaves the processors alone
            self.page.wait_for_function(f"() => window.paints.length >= {move}", timeout=30_000, polling=20)
            self.page.wait_for_timeout(150)  # the next press meets an idle kernel
        return self.page.evaluate("() => window.paints")


@contextmanager
def opened(notebook: Path, width: int = 1280, height: int = 1400) -> Iterator[NotebookPage]:
    """Open a copy of a notebook in JupyterLab; a failure leaves build/browser-failure.png."""
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory(prefix="splicelab-notebook-") as folder, sync_playwright() as playwright:
        shutil.copy(notebook, folder)
        with jupyterlab(Path(folder)) as (address, token):
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            page = NotebookPage(browser.new_page(viewport={"width": width, "height": height}))
            try:
                page.open(address, token, notebook.name)
                yield page
            except BaseException:
                (ROOT / "build").mkdir(exist_ok=True)
                page.page.screenshot(path=ROOT / "build" / "browser-failure.png")
                print(*page.errors, sep="\n", file=sys.stderr)
                raise
            finally:
                browser.close()


def screenshot(notebook: Path, out_png: Path, full_page: bool = True) -> list[Path]:
    """Run a copy of a notebook and picture it from the top, the first screen only or all in slices; gives the files."""
    pictures = []
    with opened(notebook, height=1500) as shown:
        shown.run_all()
        page = shown.page
        page.evaluate("() => document.activeElement?.blur()")
        top_px, bottom_px = 0, None
        while not pictures or (full_page and top_px < bottom_px):
            bottom_px, seen_px = page.locator(".jp-WindowedPanel-outer").first.evaluate(SCROLL, top_px)
            page.wait_for_timeout(500)
            pictures.append(out_png.with_stem(f"{out_png.stem}-{len(pictures) + 1}"))
            page.screenshot(path=pictures[-1])
            top_px += seen_px
    return pictures


if __name__ == "__main__":
    if len(sys.argv) != 3 or CHROMIUM is None:
        sys.exit("usage: python -m tests.browser NOTEBOOK OUT.png (needs chromium)")
    print(*screenshot(Path(sys.argv[1]), Path(sys.argv[2])), sep="\n")
