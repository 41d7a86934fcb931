"""A real browser for the page: headless Chromium, driven by selenium; tests skip without them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

PATIENCE = 20.0  # seconds that anything may take on a busy machine before the test fails


class Browser:
    """One page at a time, as a reader uses it."""

    def __init__(self, driver: Any, downloads: Path) -> None:
        self.driver, self.downloads = driver, downloads

    def open(self, page: Path) -> None:
        """Open a page as a fresh visitor, and wait until it is ready."""
        self.driver.get(page.absolute().as_uri())
        self.run("localStorage.clear()")
        self.reload()

    def reload(self) -> None:
        self.driver.refresh()  # that it asks first is answered by unhandledPromptBehavior
        self.wait(lambda: self.run("return document.documentElement.dataset.ready") == "yes")

    def run(self, script: str, *arguments: Any) -> Any:
        """What a script in the page returns."""
        return self.driver.execute_script(script, *arguments)

    def wait(self, condition: Callable[[], Any]) -> Any:
        """Until something is true."""
        end = time.monotonic() + PATIENCE
        while not (value := condition()):
            assert time.monotonic() < end, "it never came true"
            time.sleep(0.02)
        return value

    def all(self, selector: str) -> list[Any]:
        return self.driver.find_elements("css selector", selector)

    def one(self, selector: str) -> Any:
        return self.driver.find_element("css selector", selector)

    def text(self, selector: str) -> str:
        return str(self.one(selector).text)

    def word(self, text: str) -> Any:
        """The first word that is shown so."""
        return next(word for word in self.all("main .word") if word.text == text)

    def words(self) -> list[str]:
        return [word.text for word in self.all("main .word")]

    def lit(self) -> str:
        """The word being heard."""
        return "".join(word.text for word in self.all("main .word.lit"))

    def keys(self, *keys: str) -> None:
        """Keys to whatever has the focus."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def press(self, *keys: str) -> None:
        """Keys pressed together, the last one released first."""
        from selenium.webdriver.common.action_chains import ActionChains

        chain = ActionChains(self.driver)
        for key in keys[:-1]:
            chain = chain.key_down(key)
        chain = chain.send_keys(keys[-1])
        for key in keys[:-1]:
            chain = chain.key_up(key)
        chain.perform()

    def edit(self, text: str) -> None:
        """Open the window of a word: a click plays from it, a second one corrects it."""
        self.edit_element(self.word(text))

    def edit_element(self, word: Any) -> None:
        """The same of an element."""
        self.run("arguments[0].scrollIntoView({block: 'center'})", word)
        word.click()
        word.click()
        assert self.one("#editor").is_displayed()

    def type(self, text: str) -> None:
        """In place of what the window of the word holds, and apply it."""
        field = self.one("#typed")
        field.clear()
        field.send_keys(text + "\n")

    @property
    def time(self) -> float:
        """Seconds into the recording."""
        return float(self.run("return document.getElementById('audio').currentTime"))

    @property
    def is_paused(self) -> bool:
        return bool(self.run("return document.getElementById('audio').paused"))

    def choose(self, kind: str, which: str | None = None) -> str:
        """Ask to save in a format; what the window says then."""
        if not self.run("return document.getElementById('save-dialog').open"):
            self.one("#save").click()
        self.one(f"#save-form [value={kind}]").click()
        if which is not None:
            self.one(f"#save-form [value={which}]").click()
        self.one("#save-go").click()
        told = self.wait(lambda: self.text("#save-told"))
        while told.startswith("Cutting"):
            time.sleep(0.02)
            told = self.text("#save-told")
        return str(told)

    def saved(self, kind: str, name: str, which: str | None = None) -> bytes:
        """What is saved in a format under `name`."""
        path = self.downloads / name
        path.unlink(missing_ok=True)
        told = self.choose(kind, which)
        assert told.startswith(f"Saved {name}"), told
        self.wait(path.is_file)
        self.one("#save-close").click()
        return path.read_bytes()

    def complaints(self) -> list[str]:
        """What the browser wrote to its console since it was last asked.

        That it may not ask before it leaves a page nobody touched by hand is no fault of the page.
        """
        lines = [entry["message"] for entry in self.driver.get_log("browser")]
        return [line for line in lines if "beforeunload" not in line]


@contextmanager
def chromium(downloads: Path) -> Iterator[Browser]:
    """A headless Chromium that saves to `downloads`."""
    webdriver = pytest.importorskip("selenium.webdriver")
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    driver_program = shutil.which("chromedriver")
    if program is None or driver_program is None:
        pytest.skip("no chromium and chromedriver (Debian: apt install chromium chromium-driver)")
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = program
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.set_capability("unhandledPromptBehavior", "accept")
    for argument in (
        "--headless=new",
        "--no-sandbox",  # CI runs as root in a container
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--window-size=1200,900",
        "--autoplay-policy=no-user-gesture-required",
        "--mute-audio",
        "--disable-background-networking",
    ):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    driver = webdriver.Chrome(options=options, service=Service(driver_program))
    try:
        yield Browser(driver, downloads)
    finally:
        driver.quit()
